import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { folder, QUICK, tool } from './tool.ts'

describe('SCENARIO', () => {
  test.each(['quickstart', 'mqttbs/p2p-1k', 'scenarios/fan-in.yaml'])('%s is one that ships', async (name) => {
    const { code } = await tool(['plan', name, '--quiet'], { cwd: folder() })
    expect(code).toBe(0)
  })

  test('is a file before it is one that ships', async () => {
    const cwd = folder()
    writeFileSync(join(cwd, 'quickstart'), QUICK)
    const { stdout } = await tool(['plan', 'quickstart'], { cwd })
    expect(stdout).toMatch(/^quick: 5 clients/)
  })

  test('that is neither ends with the nearest name and those that ship', async () => {
    const { code, stderr } = await tool(['run', 'quikstart'], { cwd: folder() })
    expect(code).toBe(2)
    expect(stderr).toContain('error: no scenario quikstart: there is no such file, and none that ships is called so\n')
    expect(stderr).toContain('hint: did you mean quickstart? These ship: 10m, ')
  })

  test.each(['run', 'plan'])('%s says every problem of a wrong one, by its place, and starts nothing', async (command) => {
    const cwd = folder()
    writeFileSync(
      join(cwd, 'wrong.yaml'),
      QUICK.replace('every: 100ms', 'every: 100').replace('t/+', 't/{plant}').replace('timeout: 300ms', 'timout: 1s'),
    )
    const { code, stdout, stderr } = await tool([command, 'wrong.yaml'], { cwd })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    const lines = stderr.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^wrong\.yaml:6:\d+ groups\.devices\.connect\.timout: .*\(did you mean timeout\?\)$/)
    expect(lines[1]).toMatch(/^wrong\.yaml:8:\d+ groups\.devices\.publish\[0\]\.every: expected a duration/)
    expect(lines.at(-1)).toMatch(/^error: these \d are wrong in the scenario; nothing was started$/)
  })
})
