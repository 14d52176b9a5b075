import { availableParallelism } from 'node:os'

export default {
	files: ['dist/test/**/*.test.js'],
	environmentVariables: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
	// Many files wait for processes that they have started; on two cores, two at a time would leave these idle.
	concurrency: Math.max(4, availableParallelism()),
	// Longer than anything is waited for in a test, so that what was waited for is said.
	timeout: '120s',
	workerThreads: false,
}
