import type { ScalePoint } from '../../src/capacity/usl.ts'

/** Published data sets of throughput by size. */
export const points = (nodes: readonly number[], perSec: readonly number[]): ScalePoint[] =>
  nodes.map((n, i) => ({ nodes: n, perSec: perSec[i]! }))
export const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

/** Gunther 2007, from SPEC; as fitted by R's package usl. */
export const SPEC = points([1, 18, 36, 72, 108, 144, 216], [64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2])
/** Gunther 2007, BRL-CAD on an SGI Origin 2000. */
export const RAYTRACER = points([1, 4, 8, 12, 16, 20, 24, 28, 32, 48, 64], [20, 78, 130, 170, 190, 200, 210, 230, 260, 280, 310])
/** B. Schwartz, Practical Scalability Analysis with the Universal Scalability Law. */
export const CISCO = points(
  upTo(32),
  [
    955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08, 7219.8, 7867.61, 8278.71, 8646.7, 9047.84, 9426.55, 9645.37,
    9897.24, 10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63, 11806, 12089.37, 12075.41, 12177.29, 12211.41, 12158.93, 12155.27,
    12118.04, 12140.4, 12074.39,
  ],
)
/** Exact values of γ = 1, α = β = 0.02, as in usl4j's tests. */
export const USL4J = points([1, 2, 4, 6, 8, 10], [1, 1.8867924528, 3.0769230769, 3.5294117647, 3.5398230088, 3.355704698])
/** Exact values of the law in docs/capacity.md's worked case. */
export const PLANNED = points([1, 2, 3, 4, 6, 8], [40_000, 77_594.56838, 112_888.052681, 145_985.40146, 206_008.583691, 258_481.421648])
