/**
 * `histograms.hlog`: an HdrHistogram log, format 1.3, that HdrHistogram's own tools and libraries read.
 *
 * One row an interval and metric, told apart by tag. Rows are written as the run goes on, so what a killed run leaves is a whole log of
 * what it measured. The third column is the exact maximum: decoders disagree about the one in the buckets.
 *
 * Format: HdrHistogram's HistogramLogReader.
 */
import { assert } from '../errors.ts'
import type { Histogram } from '../stats/histogram.ts'

export class HlogWriter {
  private readonly write: (line: string) => void

  /**
   * Writes the head.
   *
   * @param write      takes one line with its newline
   * @param startedAt  the start of the run: rows count from it
   */
  constructor(write: (line: string) => void, startedAt: Date) {
    this.write = write
    const epochS = (startedAt.getTime() / 1000).toFixed(3)
    write('#[Histogram log format version 1.3]\n')
    write(`#[StartTime: ${epochS} (seconds since epoch), ${startedAt.toISOString()}]\n`)
    // Without it a reader guesses from the first row whether timestamps are absolute.
    write(`#[BaseTime: ${epochS} (seconds since epoch)]\n`)
    write('#[Unit: values and Interval_Max are microseconds]\n')
    write('"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n')
  }

  /**
   * Writes one interval of one metric; nothing where it has no samples.
   *
   * @param tag      the metric, without comma or white space
   * @param startS   from the start of the run
   */
  row(tag: string, startS: number, lengthS: number, histogram: Histogram): void {
    assert(/^[^,\s]+$/.test(tag), `a tag has no comma or white space: ${tag}`)
    if (histogram.count === 0) return
    this.write(`Tag=${tag},${startS.toFixed(3)},${lengthS.toFixed(3)},${histogram.max.toFixed(3)},${histogram.toBase64()}\n`)
  }
}
