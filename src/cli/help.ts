import { helpFlag, rootFlags } from './parse-argv.ts';
import type { FlagSpec, VerbSpec } from './verb.ts';

/** Help on `coi` itself, or on the commands below one word of it. */
export function renderHelp(all: readonly VerbSpec[], below?: string): string {
  const verbs = below === undefined ? all : all.filter(({ name }) => name.startsWith(`${below} `));
  return sections(
    'Runs AI coding agents in isolated Incus containers that files declare.',
    block('Usage:', below === undefined ? ['coi [FLAGS]', 'coi COMMAND [FLAGS]'] : [`coi ${below} COMMAND [FLAGS]`]),
    block('Available Commands:', columns(verbs.map(({ name, about }) => [name, about]))),
    block('Flags:', flagLines(rootFlags)),
    block(
      'Example:',
      below === undefined ? ['coi', 'coi apply -f web.toml --wait', 'coi status'] : verbs.map(({ example }) => example),
    ),
    below === undefined
      ? '"coi" alone is "coi shell". "coi COMMAND --help" says more about a command.'
      : '"coi COMMAND --help" says more about a command.',
  );
}

/** Help on one command. */
export function renderVerbHelp({ name, args, about, detail, flags, example }: VerbSpec): string {
  const words = args === '' ? '' : ` ${args.toUpperCase().replaceAll(/[<>]/g, '')}`;
  return sections(
    `${about}.`,
    ...(detail ? [detail] : []),
    block('Usage:', [`coi ${name}${words}${flags.length > 0 ? ' [FLAGS]' : ''}`]),
    block('Flags:', flagLines([...flags, helpFlag])),
    block('Example:', [example]),
  );
}

function flagLines(flags: readonly FlagSpec[]): string[] {
  return columns(
    flags.map(({ flags: form, about }) => [
      (form.startsWith('--') ? `    ${form}` : form)
        .replace(' [=', '[=')
        .replaceAll(/[<[](=?[\w-]+)[>\]]/g, (_, word: string) => word.toUpperCase()),
      about,
    ]),
  );
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`);
}

function block(title: string, lines: readonly string[]): string {
  return [title, ...lines.map((line) => `  ${line}`)].join('\n');
}

function sections(...parts: string[]): string {
  return `${parts.join('\n\n')}\n`;
}
