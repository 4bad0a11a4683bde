import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The top of the repository, with a slash at its end. */
export const root = new URL('../../', import.meta.url).pathname;

/** Files of the repository as they are now: those under version control, and new ones that it does not ignore. */
export function repositoryFiles(): string[] {
  const list = (...args: string[]) =>
    execFileSync('git', ['ls-files', '-z', ...args], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
      .split('\0')
      .filter(Boolean);
  const deleted = new Set(list('--deleted'));
  return [...new Set(list('--cached', '--others', '--exclude-standard'))].filter((file) => !deleted.has(file)).sort();
}

/** Markdown files of the repository. */
export function documents(): string[] {
  return repositoryFiles().filter((file) => file.endsWith('.md'));
}

export function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Fenced blocks of one language in a document. */
export function blocksOf(file: string, language: string): string[] {
  return [...textOf(file).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, found]) => found === language)
    .map(([, , text]) => text!);
}

/** Commands of a shell block, one each; what a here-document holds is left out. */
export function commandsIn(block: string): string[] {
  return block
    .replaceAll(/<<'?(\w+)'?\n[\s\S]*?^\1$/gm, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** Short code in running text: what stands between single backticks outside of blocks. */
export function inlineCode(markdown: string): string[] {
  const prose = markdown.replaceAll(/^```[\s\S]*?^```$/gm, '');
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text!);
}

/** A section of a document, from its heading to the next of the same level. */
export function sectionOf(file: string, heading: string): string {
  const text = textOf(file);
  const start = text.indexOf(`${heading}\n`);
  if (start < 0) throw new Error(`${file} has no section "${heading}"`);
  const end = text.indexOf('\n## ', start + heading.length);
  return text.slice(start, end < 0 ? undefined : end);
}
