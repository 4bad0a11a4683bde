import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { coi } from './peer.ts';

let etc: string;
beforeEach(async () => {
  etc = await mkdtemp(join(tmpdir(), 'coi-rules-'));
  await mkdir(join(etc, 'rules'));
});
afterEach(() => rm(etc, { recursive: true }));

const run = (...argv: string[]) => coi(['rules', ...argv], { env: { COI_ETC: etc } });
const write = (text: string) => writeFile(join(etc, 'rules/own.toml'), text);
const own = `[[rule]]
id = "shop.dump"
title = "The database was \\u202Edumped"
description = "Ask who needed it."
severity = "warning"
category = "filesystem"
mitre = "T1005"
maturity = "stable"
event = "exec"
when.program.is = "pg_dump"
cause = ["program"]
attack = { script = "pg_dump shop" }
`;
const examples = `example = [
  { matches = true, event = { command = "pg_dump shop" } },
  { matches = false, event = { command = "pg_restore shop" } },
]
`;

describe('coi rules list', () => {
  it('lists those of coi and one’s own', async () => {
    await write(`${own}${examples}[change."tool.scanner"]\nenabled = false\n`);
    const { code, stdout, stderr } = await run('list');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^shop\.dump +warning +exec +T1005 +stable +own +The database was \\u202edumped$/m);
    expect(stdout).toMatch(/^shell\.on-a-socket +critical +stdio +T1059\.004 +stable +coi +/m);
    expect(stdout).toMatch(/^tool\.scanner +off +/m);
    expect(stdout).toMatch(/^network\.scan-hosts +high +network +connection +/m);
  });

  it('lists the same as JSON, with their places', async () => {
    await write(own);
    const list = JSON.parse((await run('list', '--format', 'json')).stdout) as { id: string }[];
    expect(list.find(({ id }) => id === 'shop.dump')).toEqual({
      id: 'shop.dump',
      title: 'The database was \u202Edumped',
      description: 'Ask who needed it.',
      severity: 'warning',
      category: 'filesystem',
      mitre: 'T1005',
      maturity: 'stable',
      event: 'exec',
      enabled: true,
      built_in: false,
      file: join(etc, 'rules/own.toml'),
      line: 1,
    });
    expect(list.map(({ id }) => id)).toEqual(list.map(({ id }) => id).toSorted());
  });

  it('says what is wrong, and lists the others', async () => {
    await write('[[rule]]\nid = "shop.dump"\n');
    const { code, stdout, stderr } = await run('list');
    expect(code).toBe(0);
    expect(stderr).toContain(`coi: ${join(etc, 'rules/own.toml')}:1:3: rule[0].title is missing`);
    expect(stdout).not.toContain('shop.dump');
    expect(stdout).toContain('shell.netcat-exec');
  });
});

describe('coi rules test', () => {
  it('tries the examples', async () => {
    await write(own + examples);
    expect(await run('test', 'shop.dump')).toEqual({
      code: 0,
      stdout:
        'ID         RESULT  MATCH  NO MATCH  WRONG\nshop.dump  ok      1      1\n1 rule, 2 examples: all as they should\n',
      stderr: '',
    });
    expect((await run('test')).code).toBe(0);
  });

  it('fails where one comes out otherwise', async () => {
    await write(own + examples.replace('pg_restore', 'pg_dump'));
    const { code, stdout } = await run('test');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^shop\.dump +failed +1 +1 +example 2 matches$/m);
    expect(stdout).toMatch(/: 1 failed\n$/);
    const json = await run('test', 'shop.dump', '--format', 'json');
    expect(JSON.parse(json.stdout)).toEqual([
      {
        id: 'shop.dump',
        ok: false,
        examples: [
          { number: 1, matches: true, matched: true },
          { number: 2, matches: false, matched: true },
        ],
      },
    ]);
    expect(json.code).toBe(1);
  });

  it('knows what it is asked for', async () => {
    const { code, stderr } = await run('test', 'shell.netcat-exex');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'coi: there is no rule "shell.netcat-exex"\n  Did you mean shell.netcat-exec?\n',
    });
  });
});

describe('coi rules lint', () => {
  it('finds nothing wrong with what comes with coi', async () => {
    const { code, stdout } = await run('lint');
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+ rules: no problems\n$/) });
  });

  it('says all that is wrong, with the place', async () => {
    await write(
      `${own.replace('attack = { script = "pg_dump shop" }\n', '')}[change."tool.scaner"]\nenabled = false\n`,
    );
    const file = join(etc, 'rules/own.toml');
    const { code, stdout } = await run('lint');
    expect(code).toBe(1);
    expect(stdout.split('\n').filter((line) => line.startsWith(file))).toEqual([
      `${file}:12:9: there is no rule "tool.scaner" to change`,
      `${file}:1:3: rule "shop.dump" has no example that it matches`,
      `${file}:1:3: rule "shop.dump" has no example that it does not match`,
      `${file}:1:3: rule "shop.dump" does not say what triggers it`,
    ]);
    expect(stdout).toMatch(/rules: 4 problems\n$/);
  });

  it('looks at single files, wherever they are', async () => {
    const file = join(etc, 'new.toml');
    await writeFile(file, `${own}${examples}[change."tool.scanner"]\nenabled = false\n`);
    expect(await run('lint', file)).toEqual({ code: 0, stdout: '1 rule: no problems\n', stderr: '' });
    await writeFile(file, `${own}when.line.matches = "(a+)+"\n`);
    const { code, stdout } = await run('lint', file, '--format', 'json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      valid: false,
      rules: 0,
      problems: [{ code: 'rules.condition', file, line: 13, column: 11 }],
    });
    expect((await run('lint', join(etc, 'none.toml'))).stdout).toContain('Cannot read rules: ENOENT');
  });
});
