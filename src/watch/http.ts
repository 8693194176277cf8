/**
 * One GET of a monitoring endpoint: with the credentials of its URL, and no more of an answer than is reasonable.
 */

/** The aggregated metrics of a busy broker are 100 KB; those of each of its connections can be a gigabyte. */
const MAX_BYTES = 8 * 1024 * 1024

/** @throws Error  with words for users, or as `fetch` does */
export async function get(url: URL, signal: AbortSignal): Promise<string> {
  const { username, password } = url
  const plain = new URL(url)
  plain.username = plain.password = ''
  const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')
  const headers = username === '' && password === '' ? {} : { authorization: `Basic ${credentials}` }
  // A run connects to what it was told, and nowhere else.
  const response = await fetch(plain, { headers, signal, redirect: 'manual' })
  if (!response.ok) {
    await response.body?.cancel()
    throw new Error(
      `HTTP ${response.status}${response.status >= 300 && response.status < 400 ? ', which leads elsewhere: give that address' : ''}`,
    )
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > MAX_BYTES) throw new Error(`an answer of more than ${MAX_BYTES / 1024 / 1024} MiB: is there an endpoint that adds up?`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
