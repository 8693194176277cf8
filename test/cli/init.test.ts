import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { folder, tool } from './tool.ts'

describe('init', () => {
  test.each([
    { why: 'without a name', args: [], file: 'mqtt-scale.yaml', name: 'name: "mqtt-scale"' },
    { why: 'with the new name', args: ['factory'], file: 'factory.yaml', name: 'name: "factory"' },
    { why: 'with a file name', args: ['factory.yml'], file: 'factory.yml', name: 'name: "factory"' },
    { why: 'with one that ships', args: ['fan-in'], file: 'fan-in.yaml', name: 'name: fan-in' },
    { why: 'with one of a suite that ships', args: ['mqttbs/p2p-1k'], file: 'p2p-1k.yaml', name: 'name: mqttbs-p2p-1k' },
  ])('$why writes $file, which plan and editors understand', async ({ args, file, name }) => {
    const cwd = folder()
    const { code, stdout } = await tool(['init', ...args], { cwd })
    expect({ code, files: readdirSync(cwd) }).toEqual({ code: 0, files: [file] })
    expect(stdout).toContain(`mqtt-scale run ${file}`)
    const text = readFileSync(join(cwd, file), 'utf8')
    expect(text).toContain(`\n${name}\n`)
    const schema = /^# yaml-language-server: \$schema=(file:.*)$/m.exec(text)?.[1]
    expect(existsSync(fileURLToPath(schema!))).toBe(true)
    expect(await tool(['plan', file, '--quiet'], { cwd })).toMatchObject({ code: 0, stderr: '' })
  })

  test('never overwrites', async () => {
    const cwd = folder()
    writeFileSync(join(cwd, 'factory.yaml'), 'mine')
    const { code, stderr } = await tool(['init', 'factory'], { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain('factory.yaml is there already')
    expect(readFileSync(join(cwd, 'factory.yaml'), 'utf8')).toBe('mine')
  })

  test('in a folder that is not there is an error', async () => {
    const { code, stderr } = await tool(['init', 'nowhere/factory'], { cwd: folder() })
    expect({ code, stderr }).toEqual({ code: 2, stderr: "error: can't write nowhere/factory.yaml (ENOENT)\n" })
  })
})
