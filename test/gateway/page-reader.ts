import type { Page } from 'playwright-core'

/** Whether an element shows, and with what: what a test of a page waits for. */
export const shows = (page: Page, selector: string, text: string | RegExp): Promise<void> =>
	page.locator(selector, { hasText: text }).first().waitFor({ timeout: 20_000 })

/** The cells of a table, row by row, without the moments. */
export const rowsOf = (page: Page, id: string): Promise<string[][]> =>
	page.evaluate<string[][]>(
		`[...document.querySelectorAll('#${id}-rows tbody tr')].map(row =>
			[...row.children].filter(cell => !cell.querySelector('time')).map(cell => cell.textContent))`,
	)

export const enter = async (page: Page, token: string): Promise<void> => {
	await page.getByLabel('Token', { exact: true }).fill(token)
	await page.keyboard.press('Enter')
}
