import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRegistries } from '../../../src/host/registries/read-registries.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-registries-'));
  await write('apt.conf', `Dir "${dir}/";\n`);
  await write('etc/apt/sources.list', '');
  await write('npmrc-global', '');
  await write('home/.npmrc', '');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function write(name: string, text: string): Promise<void> {
  const path = join(dir, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** With the machine's own npm and apt, and nothing of the machine's configuration. */
function read(env: Record<string, string> = {}) {
  const PATH = process.env['PATH']!;
  const files = { APT_CONFIG: join(dir, 'apt.conf'), npm_config_globalconfig: join(dir, 'npmrc-global') };
  // Some npm, so that what npm falls back to does not count.
  const usual = { npm_config_registry: 'http://own.example' };
  const signal = new AbortController().signal;
  return readRegistries({ env: { PATH, ...files, ...usual, ...env }, home: join(dir, 'home'), signal });
}

describe('npm', () => {
  it('is asked for its registry, those of scopes, and its proxies', async () => {
    await write(
      'npmrc-global',
      'registry=https://global.example/npm/\n@tools:registry=https://tools.example:8443/x/\n',
    );
    await write(
      'home/.npmrc',
      [
        '@corp:registry=https://corp.example/npm/',
        '//corp.example/npm/:_authToken=s3cret',
        'https-proxy=http://someone:pass@proxy.example:3128',
        'proxy=http://proxy.example:8080/',
      ].join('\n'),
    );
    const { entries, warnings } = await read({ npm_config_registry: '' });
    expect(warnings).toEqual([]);
    expect(entries).toEqual([
      'corp.example',
      'global.example',
      'proxy.example:3128',
      'proxy.example:8080',
      'tools.example:8443',
    ]);
  });

  it('has a registry of its own where nobody configured one', async () => {
    const { entries } = await read({ npm_config_registry: '' });
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatch(/^[a-z0-9.-]+\.[a-z]+$/);
  });

  it('takes its variables before its files', async () => {
    await write('home/.npmrc', 'registry=https://file.example/\n');
    expect((await read({ npm_config_registry: 'https://variable.example:444/' })).entries).toEqual([
      'variable.example:444',
    ]);
  });

  it('that is not there has no registries, and apt neither', async () => {
    await mkdir(join(dir, 'empty'));
    expect(await read({ PATH: join(dir, 'empty') })).toEqual({ entries: [], warnings: [] });
  });

  it.each([
    { does: 'fails', script: 'echo "no such thing" >&2; exit 3' },
    { does: 'says nothing', script: 'exit 0' },
  ])('that $does is a warning', async ({ script }) => {
    await write('bin/npm', `#!/bin/sh\n${script}\n`);
    await chmod(join(dir, 'bin/npm'), 0o755);
    await write('etc/apt/sources.list', 'deb http://archive.example/debian stable main\n');
    const { entries, warnings } = await read({ PATH: `${join(dir, 'bin')}:${process.env['PATH']}` });
    expect(entries).toEqual(['archive.example']);
    expect(warnings).toMatchObject([{ code: 'registries.npm' }]);
  });
});

describe('apt', () => {
  it('has sources of one line', async () => {
    await write(
      'etc/apt/sources.list',
      [
        '# deb http://comment.example/debian stable main',
        'deb http://one.example/debian stable main contrib',
        'deb-src [ arch=amd64 signed-by=/usr/share/keyrings/a.gpg ] https://two.example:8443/debian stable main',
        '  deb [signed-by=/k] http://user:pass@three.example:80/x ./',
        'deb cdrom:[Debian 12]/ stable main',
        'deb file:/srv/mirror stable main',
        'deb http://10.1.2.3:3142/debian stable main # behind',
        'deb http://[2001:db8::5]:8080/debian stable main',
      ].join('\n'),
    );
    await write('etc/apt/sources.list.d/extra.list', 'deb http://four.example/debian stable main\n');
    await write('etc/apt/sources.list.d/off.list.save', 'deb http://five.example/debian stable main\n');
    expect((await read()).entries).toEqual([
      '10.1.2.3:3142',
      '[2001:db8::5]:8080',
      'four.example',
      'one.example',
      'own.example',
      'three.example',
      'two.example:8443',
    ]);
  });

  it('has sources in stanzas', async () => {
    await write(
      'etc/apt/sources.list.d/a.sources',
      [
        'Types: deb deb-src',
        '# URIs: http://comment.example/debian',
        'URIs: http://one.example/debian',
        '  https://two.example/debian',
        '# in between',
        ' http://three.example:8000/debian',
        'Suites: stable',
        'Signed-By:',
        ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
        ' .',
        ' URIs: http://key.example',
        '',
        'Enabled: no',
        'URIs: http://off.example/debian',
        '',
        '',
        'types: deb',
        'uris: http://four.example/',
      ].join('\n'),
    );
    expect((await read()).entries).toEqual([
      'four.example',
      'one.example',
      'own.example',
      'three.example:8000',
      'two.example',
    ]);
  });

  it('has mirrors', async () => {
    await write('mirrors', '# ours\nhttp://near.example/debian\tpriority:1\nhttps://far.example:8443/debian\n\n');
    await write(
      'etc/apt/sources.list',
      `deb mirror+file:${dir}/mirrors stable main\ndeb mirror+https://list.example/mirrors.txt stable main\n` +
        'deb mirror://old.example/mirrors.txt stable main\ndeb mirror+file:/nowhere stable main\n',
    );
    expect((await read()).entries).toEqual([
      'far.example:8443',
      'list.example',
      'near.example',
      'old.example',
      'own.example',
    ]);
  });

  it('has proxies, for everything and for single hosts', async () => {
    await write(
      'etc/apt/apt.conf.d/10proxy',
      'Acquire::http::Proxy "http://cache.example:3142";\nAcquire::https::Proxy "DIRECT";\n' +
        'Acquire::http::Proxy::special.example "http://other.example:8080/";\n',
    );
    expect((await read()).entries).toEqual(['cache.example:3142', 'other.example:8080', 'own.example']);
  });

  it('whose files cannot be read is a warning', async () => {
    await mkdir(join(dir, 'etc/apt/sources.list.d/a.list'), { recursive: true });
    const { entries, warnings } = await read();
    expect(entries).toEqual(['own.example']);
    expect(warnings).toMatchObject([{ code: 'registries.apt' }]);
  });
});

describe('the environment', () => {
  it('has proxies; what is this host itself is left out', async () => {
    const env = { HTTPS_PROXY: 'http://out.example:3128', http_proxy: 'http://127.0.0.1:3128' };
    expect((await read(env)).entries).toEqual(['out.example:3128', 'own.example']);
    expect((await read({ http_proxy: 'localhost' })).entries).toEqual(['own.example']);
  });
});
