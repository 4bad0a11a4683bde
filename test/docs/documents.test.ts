import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseArgv, readArgv } from '../../src/cli/parse-argv.ts';
import { formOf } from '../../src/cli/normalise-argv.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { builtIn } from '../../src/spec/defaults.ts';
import { blocksOf, commandsIn, documents, inlineCode, repositoryFiles, root, sectionOf, textOf } from './documents.ts';

/** Words of a command line as a shell has them, for what stands in documents. */
function wordsOf(command: string): string[] {
  return (command.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replaceAll(/^["']|["']$/g, ''));
}

/** Calls of coi in a line of shell: what follows the program's name. */
function callsIn(line: string): string[][] {
  return line
    .split(/\|\||&&|[|;]/)
    .map((part) => wordsOf(part.trim()).filter((word) => word !== 'sudo'))
    .filter(([program]) => program === 'coi' || program === 'deploy/coi')
    .map(([, ...args]) => args);
}

function verbOf(args: readonly string[]) {
  return verbs.find(({ name }) => name === args[0] || name === `${args[0]} ${args[1]}`);
}

/** Whether a word stands for something the reader fills in. */
function isPlaceholder(word: string): boolean {
  return /^[A-Z][A-Z|…]*$/.test(word);
}

const notYet = '## Not there yet';
const shellCalls = documents().flatMap((file) =>
  blocksOf(file, 'sh').flatMap((block) =>
    commandsIn(block).flatMap((line) => callsIn(line).map((args) => ({ file, args, call: `coi ${args.join(' ')}` }))),
  ),
);
const promised = inlineCode(sectionOf('README.md', notYet)).flatMap(callsIn);
const inlineCalls = documents().flatMap((file) => {
  const text = file === 'README.md' ? textOf(file).replace(sectionOf(file, notYet), '') : textOf(file);
  return inlineCode(text)
    .flatMap(callsIn)
    .filter(([verb]) => verb !== undefined && !isPlaceholder(verb))
    .map((args) => ({ file, args, call: `coi ${args.join(' ')}` }));
});

describe('commands in documents', () => {
  it('are there to be looked at', () => {
    expect(shellCalls.length).toBeGreaterThan(10);
    expect(inlineCalls.length).toBeGreaterThan(15);
  });

  it.each(shellCalls)('$file: $call is understood', async ({ args }) => {
    const known = verbOf(args);
    await expect(parseArgv(readArgv(args, verbs), verbs)).resolves.toMatchObject(
      known?.name === 'help' ? { kind: 'help' } : { kind: 'call' },
    );
  });

  it.each(inlineCalls)('$file: `$call` has a known command and known flags', ({ args }) => {
    const verb = verbOf(args);
    expect(args[0]!.startsWith('--') || verb !== undefined).toBe(true);
    const forms = (verb?.flags ?? []).map(formOf);
    // What follows is for a command inside.
    const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
    const flags = own.filter((word) => word.startsWith('-') && word !== '--help').map((word) => word.split('=')[0]!);
    const known = forms.flatMap(({ long, short, negated }) => [
      `--${negated ? 'no-' : ''}${long}`,
      `--${long}`,
      `-${short}`,
    ]);
    expect(flags.filter((flag) => !known.includes(flag))).toEqual([]);
  });

  it('what is said not to be there yet is not', () => {
    expect(promised.filter((args) => verbOf(args) !== undefined)).toEqual([]);
  });

  it('the front door mentions every command', () => {
    const front = textOf('README.md');
    const unsaid = verbs.filter(({ name }) => !front.includes(`coi ${name}`)).map(({ name }) => name);
    expect(unsaid.filter((name) => !['controller', 'schema', 'version'].includes(name))).toEqual([]);
  });
});

describe('the two commands of the front door', () => {
  const commands = blocksOf('README.md', 'sh').slice(0, 2).flatMap(commandsIn);

  it('are one to start and one to test', () => {
    expect(commands).toEqual(['deploy/quickstart', '.ci/run']);
  });

  it.each(commands)('%s can be run', (path) => {
    expect(() => accessSync(join(root, path), constants.X_OK)).not.toThrow();
  });
});

/** Paths that are only there once a reader has followed the document, or built the program. */
const madeByReaders = new Set(['desired-state/hello.toml', 'dist/']);

function looksLikePath(word: string): boolean {
  // What is in somebody's repository is none of this one's files.
  if (word.startsWith('.git/')) return false;
  return (
    /^(?:\.{0,2}[\w-][\w.-]*\/)+[\w.-]*$/.test(word) &&
    !/\b[A-Z]{2,}\b/.test(word.replace(/README\.md|METRICS\.md$/, ''))
  );
}

/** Where a path may be counted from, for its document. */
function placesOf(file: string): string[] {
  return [dirname(file), '.', 'src', 'test'];
}

describe('files that documents name', () => {
  const written = [
    'README.md',
    'src/README.md',
    'test/README.md',
    'examples/README.md',
    'deploy/README.md',
    'images/README.md',
  ];
  const named = written.flatMap((file) => {
    const inShell = blocksOf(file, 'sh').flatMap(commandsIn).flatMap(wordsOf);
    const words = [...inlineCode(textOf(file)).flatMap(wordsOf), ...inShell].filter(looksLikePath);
    return [...new Set(words)].filter((path) => !madeByReaders.has(path)).map((path) => ({ file, path }));
  });

  it('are there to be looked at', () => {
    expect(named.length).toBeGreaterThan(40);
  });

  it.each(named)('$file: $path', ({ file, path }) => {
    expect(placesOf(file).some((place) => existsSync(join(root, place, path)))).toBe(true);
  });
});

/** Anchors that a renderer makes of the headings of a document. */
function anchorsOf(file: string): string[] {
  return [...textOf(file).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe('links between documents', () => {
  const links = documents().flatMap((file) =>
    [...textOf(file).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/.test(target))
      .map((target) => ({ file, target })),
  );

  it('are there to be looked at', () => {
    expect(links.length).toBeGreaterThan(20);
  });

  it.each(links)('$file -> $target', ({ file, target }) => {
    const [path = '', anchor] = target.split('#');
    const full = path === '' ? file : join(dirname(file), path);
    expect(existsSync(join(root, full))).toBe(true);
    const document = statSync(join(root, full)).isDirectory() ? join(full, 'README.md') : full;
    expect(anchor === undefined || anchorsOf(document).includes(anchor)).toBe(true);
  });

  it('lead from the front door to every other document', () => {
    const linked = (file: string): string[] =>
      links.filter((link) => link.file === file).map(({ target }) => join(dirname(file), target.split('#')[0]!));
    const reached = new Set(['README.md']);
    for (const file of reached) {
      for (const target of linked(file)) {
        const document = target.endsWith('.md') ? target : join(target, 'README.md');
        if (existsSync(join(root, document))) reached.add(document);
      }
    }
    expect(documents().filter((file) => !reached.has(file))).toEqual([]);
  });
});

describe('what documents say about the program', () => {
  const front = textOf('README.md');

  it('where things are', () => {
    const { stateDir, runDir, metricsListen, sources } = builtIn.controller;
    for (const path of [`${stateDir}/desired/`, `${stateDir}/audit/`, `${runDir}/`, ...sources]) {
      expect(inlineCode(front)).toContain(path);
    }
    expect(front).toContain(`http://${metricsListen}/metrics`);
    expect(inlineCode(front)).toContain(builtIn.incus.group);
  });

  it('which version this is', () => {
    const { version, license } = JSON.parse(textOf('package.json')) as { version: string; license: string };
    const [newest] = [...textOf('CHANGELOG.md').matchAll(/^## (\S+)/gm)].map(([, heading]) => heading);
    expect(newest).toBe(version);
    expect(license).toBe('MIT');
    expect(textOf('LICENSE')).toMatch(/^MIT License\n\nCopyright \(c\) \d{4} the coi authors$/m);
  });
});

describe('the repository says nothing about the machine it was written on', () => {
  const texts = repositoryFiles().filter((file) => !/\.(?:png|gz|xz|squashfs)$/.test(file));

  it('and there is something to look at', () => {
    expect(texts.length).toBeGreaterThan(200);
  });

  it('no path of this checkout', () => {
    // A checkout at the place where sandboxes have their workspace would find that everywhere.
    const here = root === '/workspace/' ? '/workspace/src/' : root;
    expect(texts.filter((file) => textOf(file).includes(here))).toEqual([]);
  });

  it('no host of a package registry', () => {
    const registry =
      /\bregistry[.-][\w.-]*\.(?:org|com|net|io|dev)\b|\/\/[\w.-]*(?:artifactory|nexus|verdaccio|mirror)[\w.-]*\//i;
    expect(texts.filter((file) => registry.test(textOf(file)))).toEqual([]);
    expect(textOf('package-lock.json')).not.toMatch(/"resolved": "https?:/);
  });
});
