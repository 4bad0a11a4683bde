import { globalFlags, helpFlag, rootFlags } from './parse-argv.ts';
import type { FlagSpec, VerbSpec } from './verb.ts';

/** What the program was called as: `claude-on-incus` is its other name, which deploy/coi tells it by `COI_CALLED_AS`. */
export function programName({ COI_CALLED_AS: name }: NodeJS.ProcessEnv): string {
  return name === 'claude-on-incus' ? name : 'coi';
}

/** Help on `coi` itself, or on the commands below one word of it. @param program its name in the usage */
export function renderHelp(all: readonly VerbSpec[], program: string, below?: string): string {
  const verbs = below === undefined ? all : all.filter(({ name }) => name.startsWith(`${below} `));
  return sections(
    'Runs AI coding agents in isolated Incus containers that files declare.',
    block(
      'Usage:',
      below === undefined
        ? [`${program} [FLAGS]`, `${program} COMMAND [FLAGS]`]
        : [`${program} ${below} COMMAND [FLAGS]`],
    ),
    block('Available Commands:', columns(verbs.map(({ name, about }) => [name, about]))),
    block('Flags:', flagLines(rootFlags)),
    ...(below === undefined ? [block('Global Flags:', flagLines(globalFlags)), aboutGlobals] : []),
    block(
      'Example:',
      below === undefined ? ['coi', 'coi apply -f web.toml --wait', 'coi status'] : verbs.map(({ example }) => example),
    ),
    below === undefined
      ? '"coi" alone is "coi shell". "coi COMMAND --help" says more about a command.'
      : '"coi COMMAND --help" says more about a command.',
  );
}

const aboutGlobals =
  'They stand before the command or behind it, with shell, run, attach, list, info, kill, shutdown,\n' +
  'clean, persist, resume, images, image and health. One that means nothing to a command changes\n' +
  'nothing.';

/** Help on one command. @param program its name in the usage */
export function renderVerbHelp({ name, args, about, detail, flags, example }: VerbSpec, program: string): string {
  const words = args === '' ? '' : ` ${args.toUpperCase().replaceAll(/[<>]/g, '')}`;
  return sections(
    `${about}.`,
    ...(detail ? [detail] : []),
    block('Usage:', [`${program} ${name}${words}${flags.length > 0 ? ' [FLAGS]' : ''}`]),
    block('Flags:', flagLines([...flags, helpFlag])),
    block('Example:', [example]),
  );
}

function flagLines(flags: readonly FlagSpec[]): string[] {
  return columns(
    flags.map(({ flags: form, about }) => [
      (form.startsWith('--') ? `    ${form}` : form)
        .replace(' [=', '[=')
        .replaceAll(/[<[](=?[\w=-]+)[>\]]/g, (_, word: string) => word.toUpperCase()),
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
