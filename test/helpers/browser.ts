import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll } from 'vitest'

/** A real Chromium that opens pages from the disk, as a reader would. */
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
export const hasChromium = existsSync(CHROMIUM)
if (!hasChromium && process.env.CI) throw new Error(`a browser must be had in CI: there is no ${CHROMIUM}`)

/** `faults` gathers console messages, errors and requests but the first. */
export type Open = (text: string, options?: BrowserContextOptions) => Promise<{ page: Page; faults: string[] }>

/** For the `describe` it is called in: a browser, and a function that opens a page's text in it. */
export function useBrowser(): Open {
  let browser: Browser
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mqtt-scale-html-'))
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  })
  afterAll(async () => {
    await browser.close()
    rmSync(folder, { recursive: true })
  })
  return async (text, options = {}) => {
    const file = join(folder, 'page.html')
    writeFileSync(file, text)
    const url = pathToFileURL(file).href
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, colorScheme: 'light', ...options })
    const faults: string[] = []
    page.on('console', (message) => faults.push(message.text()))
    page.on('pageerror', (error) => faults.push(String(error)))
    page.on('request', (request) => request.url() !== url && faults.push(request.url()))
    await page.goto(url)
    return { page, faults }
  }
}

/** By element id, whether each colour variable is really drawn in that chart's canvas. */
export function linesSeen(page: Page, wanted: Record<string, string[]>): Promise<Record<string, boolean[]>> {
  return page.evaluate(LINES_SEEN, wanted)
}

/** What a chart's legend says at the moment, by label. */
export async function legendOf(page: Page, id: string): Promise<Record<string, string>> {
  const rows = page.locator(`#${id} .u-legend .u-series`)
  const texts = await rows.evaluateAll(LEGEND)
  return Object.fromEntries(texts)
}

/** Moves the mouse over a chart, to a share of its width. */
export async function hover(page: Page, id: string, share: number): Promise<void> {
  const plot = page.locator(`#${id} .u-over`)
  await plot.scrollIntoViewIfNeeded()
  const { x, y, width, height } = (await plot.boundingBox())!
  await page.mouse.move(x + share * width, y + height / 2)
}

// Made from text, since the project's types know no DOM.
const LINES_SEEN = new Function(
  'wanted',
  `
  const rgb = (name) => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim()
    return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join()
  }
  return Object.fromEntries(Object.entries(wanted).map(([id, names]) => {
    const canvas = document.querySelector('#' + id + ' canvas')
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    const seen = new Map()
    for (let i = 0; i < data.length; i += 4) {
      const color = data[i] + ',' + data[i + 1] + ',' + data[i + 2]
      if (data[i + 3] === 255) seen.set(color, (seen.get(color) ?? 0) + 1)
    }
    return [id, names.map((name) => (seen.get(rgb(name)) ?? 0) > 100)]
  }))
`,
) as (wanted: Record<string, string[]>) => Record<string, boolean[]>
const LEGEND = new Function(
  'rows',
  `return rows.map((row) => [row.querySelector('.u-label').textContent, row.querySelector('.u-value').textContent])`,
) as (rows: unknown) => [string, string][]
