export { createMetrics, type MeasuredTerm, type Metrics, type MetricsOptions } from './metrics.ts'
