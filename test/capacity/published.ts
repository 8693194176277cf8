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
