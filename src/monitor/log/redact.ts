import { escapeSteering } from '../../base/steering.ts';

/*
 * What somebody types, and what programs are started with, holds secrets; a log must not. Everything here takes hostile
 * text: its length is bounded first, and no expression looks back further than a bounded number of signs.
 */

/** Stands in the place of a secret. */
export const redacted = '[redacted]';

/** Longest text that is looked at, and longest that comes out, in UTF-16 units. */
const longestInput = 8_192;
const longestOutput = 4_096;

/** Words that say of a name that its value is a secret. */
const secretName =
  '(?:passw(?:or)?d|passphrase|passcode|(?<![a-z])pass(?![a-z])|_pwd|secret|token|api[-_]?key|access[-_]?key|' +
  'account[-_]?key|private[-_]?key|signing[-_]?key|encryption[-_]?key|credential|(?<![a-z])auth(?![a-z])|cookie)';

interface Rule {
  /** Cheap to ask: whether it is worth looking for the pattern. */
  readonly mayApply: (text: string) => boolean;
  readonly pattern: RegExp;
  readonly put: (...parts: readonly string[]) => string;
}

/** In this order: what is whole first, so that no later rule sees half of it. */
const rules: readonly Rule[] = [
  // User and password of a URL, RFC 3986 §3.2.1; a password may hold an unescaped @.
  {
    mayApply: (text) => text.includes('://'),
    pattern: /(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,31}:\/\/)([^\s/?#"'<>]{1,4096})@/gi,
    put: (_, scheme = '', user = '') => `${scheme}${keepUser(user)}@`,
  },
  // RFC 9110 §11.6.2: a scheme, and what proves who it is.
  {
    mayApply: (text) => /authorization/i.test(text),
    pattern: /((?:proxy-)?authorization["']?\s{0,4}[:=]\s{0,4}["']?)(?:([a-z][\w-]{0,24})\s{1,4})?[^\s"',;]{1,4096}/gi,
    put: (_, name = '', scheme) => `${name}${scheme === undefined ? '' : `${scheme} `}${redacted}`,
  },
  {
    mayApply: (text) => /bearer|basic/i.test(text),
    pattern: /(?<![a-z0-9])(bearer|basic)(\s{1,4}|%20)[a-z0-9._~+/=-]{8,4096}/gi,
    put: (_, scheme = '', blank = '') => `${scheme}${blank}${redacted}`,
  },
  // NAME=value, "name": "value", name: value. A path after a colon and a blank is prose that says where something is.
  {
    mayApply: (text) => text.includes('=') || text.includes(':'),
    pattern: new RegExp(
      `(${secretName}[\\w.-]{0,64}["']?)(\\s{0,2}[=:]\\s{0,2})("[^"]{0,4096}"?|'[^']{0,4096}'?|[^\\s"']{1,4096})`,
      'gi',
    ),
    put: (whole = '', name = '', sign = '', value = '') =>
      /^\s*:\s+$/.test(sign) && /^[~.]{0,2}\/[\w.~/-]*$/.test(value) ? whole : `${name}${sign}${redacted}`,
  },
  { mayApply: (text) => /[\w.-]{12}/.test(text), pattern: knownShapes(), put: () => redacted },
];

/** Shapes that services give their tokens so that they are found. */
function knownShapes(): RegExp {
  const shapes = [
    '[prs]k[-_][\\w-]{16,}',
    'gh[pousr]_[A-Za-z0-9]{16,}',
    'github_pat_\\w{16,}',
    'gl(?:pat|rt|ptt|dt|cbt|soat|imt|agent|ft|ffct)-[\\w-]{16,}',
    'A(?:KIA|SIA|IDA|ROA)[A-Z0-9]{12,}',
    'xox[a-z]-[\\w-]{8,}',
    'xapp-[\\w-]{8,}',
    'eyJ[\\w-]{8,}(?:\\.[\\w-]*){0,4}',
    'AIza[\\w-]{30,}',
    'ya29\\.[\\w.-]{16,}',
    'npm_[A-Za-z0-9]{20,}',
    'pypi-[\\w-]{16,}',
    'hf_[A-Za-z0-9]{16,}',
    'SG\\.[\\w.-]{16,}',
    'do[a-z]_v1_\\w{16,}',
    'shp[a-z]{2}_\\w{16,}',
    'AGE-SECRET-KEY-1[A-Z0-9]{16,}',
  ];
  return new RegExp(`(?<![A-Za-z0-9])(?:${shapes.join('|')})`, 'g');
}

/** Hostile text without secrets, on one line, of bounded length and without any sign that steers a terminal. */
export function redact(text: string): string {
  return clean(hideSecrets(text));
}

/** Text without secrets as it is otherwise; cut to what is looked at. */
export function hideSecrets(text: string): string {
  const bounded = hideKeys(cutText(text, longestInput));
  const known = rules.reduce(
    (rest, { mayApply, pattern, put }) =>
      mayApply(rest) ? rest.replace(pattern, (...parts: string[]) => put(...parts)) : rest,
    bounded,
  );
  return hideRandom(known);
}

/** The beginning of a text, without the part of a word that the cut would leave: half a secret has no shape any more. */
export function cutText(text: string, most: number): string {
  return text.length > most ? text.slice(0, most).replace(/[^\s=:/]{1,64}$/, '') : text;
}

/** One line, printable and not too long, of text in which no secrets are left. */
export function clean(text: string): string {
  const line = escapeSteering(text.length > longestOutput ? text.slice(0, longestOutput) : text);
  return line.length > longestOutput || text.length > longestOutput ? `${line.slice(0, longestOutput)}…` : line;
}

/** `user:password` without the password; what stands alone may be a token. */
export function keepUser(user: string): string {
  const colon = user.indexOf(':');
  return colon <= 0 ? redacted : `${user.slice(0, colon)}:${redacted}`;
}

/** Blocks of PEM, RFC 7468, whole or cut. */
function hideKeys(text: string): string {
  let rest = text;
  let out = '';
  for (;;) {
    const start = rest.indexOf('-----BEGIN ');
    if (start < 0) return out + rest;
    const end = rest.indexOf('-----END ', start);
    const last = end < 0 ? -1 : rest.indexOf('-----', end + 9);
    out += rest.slice(0, start) + redacted;
    rest = last < 0 ? '' : rest.slice(last + 5);
  }
}

/** Words that look as if they had been drawn at random. In paths and addresses each part is a word of its own. */
function hideRandom(text: string): string {
  return text.replace(/[^\s"'`|;,&()<>[\]{}]{24,}/g, (word) => {
    const isPath = /^[~.]{0,2}\/|:\/\/|^[\w.@-]+\//.test(word.slice(0, 64));
    const parts = isPath ? /[A-Za-z0-9+_=-]{24,}/g : /[A-Za-z0-9+/_=-]{24,}/g;
    return word.replace(parts, (part) => (isRandom(part) ? redacted : part));
  });
}

/** RFC 9562 §4: ids of sessions and the like, which are no secrets where nothing says so. */
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Words of language change rarely between small letters, capitals and digits; those drawn from 16 to 64 signs change at
 * every second one.
 */
export function isRandom(word: string): boolean {
  if (uuid.test(word)) return false;
  const kinds = Array.from(word, kindOf);
  const has = (kind: string) => kinds.includes(kind);
  if (!has('digit') || !(has('small') || has('capital'))) return false;
  let changes = 0;
  for (let n = 1; n < kinds.length; n += 1) changes += Number(kinds[n] !== kinds[n - 1]);
  const share = changes / (word.length - 1);
  return has('small') && has('capital') ? share >= 0.4 : word.length >= 32 && share >= 0.3;
}

function kindOf(sign: string): string {
  if (sign >= '0' && sign <= '9') return 'digit';
  if (sign >= 'a' && sign <= 'z') return 'small';
  return sign >= 'A' && sign <= 'Z' ? 'capital' : 'other';
}
