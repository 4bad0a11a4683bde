import { basename } from 'node:path';
import { clean, cutText, hideSecrets, keepUser, redacted } from './redact.ts';

/** Most words of a command line that are kept. */
const mostWords = 256;

/** What one option of a program takes. */
type Takes = 'secret' | 'login';

/** Single-letter options whose value is a secret, by program; `login`: the user stays, what follows the colon does not. */
const programs: Readonly<Record<string, Readonly<Record<string, Takes>>>> = {
  mysql: { '-p': 'secret' },
  mysqldump: { '-p': 'secret' },
  mysqladmin: { '-p': 'secret' },
  mariadb: { '-p': 'secret' },
  'mariadb-dump': { '-p': 'secret' },
  mongo: { '-p': 'secret' },
  mongosh: { '-p': 'secret' },
  sshpass: { '-p': 'secret' },
  docker: { '-p': 'secret' },
  podman: { '-p': 'secret' },
  'redis-cli': { '-a': 'secret' },
  ldapsearch: { '-w': 'secret' },
  ldapmodify: { '-w': 'secret' },
  'ssh-keygen': { '-N': 'secret', '-P': 'secret' },
  sqlcmd: { '-P': 'secret' },
  smbclient: { '-U': 'login' },
  zip: { '-P': 'secret' },
  unzip: { '-P': 'secret' },
  '7z': { '-p': 'secret' },
  curl: { '-u': 'login', '-U': 'login', '--user': 'login', '--proxy-user': 'login' },
};

/** Programs whose `-p` is a secret after one word only, and a port or a process otherwise. */
const onlyAfter: Readonly<Record<string, string>> = { docker: 'login', podman: 'login' };

const secretOption =
  /^--?[a-z0-9-]*(?:passw(?:or)?d|passphrase|passin|passout|secret|token|api-?key|access-?key|credential)[a-z0-9-]*$/i;
const noSecret = /-(?:file|stdin|path|env|name|type|url|command|prompt|policy|ttl|helper|store)$/i;

/** A word of a shell command, with what is quoted in it. */
const shellWord = /(?:[^\s"']|"[^"]*"?|'[^']*'?)+/g;

/** Longest command line that is looked at, in UTF-16 units: more would not be kept. */
const longest = 4_096;

/**
 * A command line as one printable line without secrets; words with blanks in them are quoted.
 *
 * @param most longest that is looked at, in UTF-16 units
 */
export function redactWords(words: readonly string[], most = longest): string {
  const kept = hideInWords(firstOf(words, most));
  const isCut = kept.length < words.length;
  // As a whole: a header may be spread over words.
  return clean(hideSecrets([...kept.map(quoted), ...(isCut ? ['…'] : [])].join(' ')));
}

/** The first words, as many as there is room for; the last of them may be cut. */
function firstOf(words: readonly string[], most: number): string[] {
  const kept: string[] = [];
  let left = most;
  for (const word of words.slice(0, mostWords)) {
    if (left <= 0) break;
    kept.push(cutText(word, left));
    left -= word.length + 1;
  }
  return kept;
}

function hideInWords(words: readonly string[]): string[] {
  const state: State = { options: {}, seen: new Set(), next: undefined };
  return words.map((word) => hideInWord(word, state));
}

interface State {
  /** Options of the program that runs, as far as it is known. */
  options: Readonly<Record<string, Takes>>;
  readonly seen: Set<string>;
  /** What the word before takes. */
  next: Takes | undefined;
}

function hideInWord(word: string, state: State): string {
  const takes = state.next;
  state.next = undefined;
  if (takes && !word.startsWith('--')) return hidden(word, takes);
  follow(word, state);
  const option = Object.entries(state.options).find(([name]) => word.startsWith(name));
  if (option) return hideAttached(word, option, state);
  if (secretOption.test(word) && !noSecret.test(word)) state.next = 'secret';
  return /\s/.test(word) ? hideInCommand(word) : word;
}

/** Notice a program by its name, wherever it stands: behind `sudo`, in a list, in a path. */
function follow(word: string, state: State): void {
  const name = basename(word.slice(-64).replace(/^["'(]+/, ''));
  state.seen.add(name.slice(0, 16));
  const options = Object.hasOwn(programs, name) ? programs[name] : undefined;
  const only = Object.hasOwn(onlyAfter, name);
  if (options && !only) state.options = options;
  for (const [program, verb] of Object.entries(onlyAfter)) {
    if (name === verb && state.seen.has(program)) state.options = programs[program] ?? {};
  }
}

/** `-pSECRET`, `--user=NAME:SECRET`, or the option alone with its value behind it. */
function hideAttached(word: string, [name, takes]: readonly [string, Takes], state: State): string {
  if (word === name) {
    state.next = takes;
    return word;
  }
  if (!name.startsWith('--')) return `${name}${hidden(word.slice(name.length), takes)}`;
  return word.startsWith(`${name}=`) ? `${name}=${hidden(word.slice(name.length + 1), takes)}` : word;
}

function hidden(value: string, takes: Takes): string {
  return takes === 'login' ? keepUser(value) : redacted;
}

/** Words of a text as a shell would part them, and then the whole, for what goes over several words. */
function hideInCommand(text: string): string {
  const state: State = { options: {}, seen: new Set(), next: undefined };
  const parted = text.replace(shellWord, (word) =>
    /\s/.test(word) ? hideQuoted(word, state) : hideInWord(word, state),
  );
  return hideSecrets(parted);
}

function hideQuoted(word: string, state: State): string {
  const takes = state.next;
  state.next = undefined;
  return takes ? hidden(word, takes) : word;
}

function quoted(word: string): string {
  return word === '' || /[\s"'\\]/.test(word) ? JSON.stringify(word) : word;
}
