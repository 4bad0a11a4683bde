/** What a backslash and a letter stand for. */
const escaped: Readonly<Record<string, string>> = { n: '\n', t: '\t', b: '\b', '"': '"', '\\': '\\' };

/** Parts of a value: quoted text, an escaped sign or line end, spaces, other text. */
const part = /"((?:[^"\\\n]|\\[^])*)"?|\\(\r?\n|[^])|([ \t\r]+)|([^"\\ \t\r\n;#]+)/y;

/** A value is not read much further than that: no path is as long, see PATH_MAX in limits.h(0p). */
const longest = 4_096;

/** A key, and how many of its values are wanted at most: each takes its time. */
interface Wanted {
  /** Its last part, such as `hooksPath`; upper and lower case are the same. */
  readonly key: string;
  readonly most: number;
}

/**
 * Every value that a configuration gives a key, whatever section it is in. A line too many is harmless here, one that is
 * overlooked is not: a key may stand behind the head of its section, and values are quoted, escaped and go on in the next
 * line as in git itself. See git-config(1), "Syntax".
 */
export function valuesIn(text: string, { key, most }: Wanted): string[] {
  const head = String.raw`(?:\[(?:[^\]"\n]|"(?:[^"\\\n]|\\.)*")*\][ \t]*)*`;
  const start = new RegExp(String.raw`^\uFEFF?[ \t]*${head}${key}[ \t]*=`, 'gim');
  const found = text.matchAll(start).take(most);
  return Array.from(found, (match) => valueAt(text, match.index + match[0].length));
}

function valueAt(text: string, start: number): string {
  let value: string | undefined;
  // Only what follows shows whether spaces count: at the end they do not, nor at the beginning.
  let spaces = '';
  const parts = new RegExp(part);
  parts.lastIndex = start;
  for (let found = parts.exec(text); found; found = parts.exec(text)) {
    const [, quoted, sign, space, plain] = found;
    if (space !== undefined) {
      spaces += space;
      continue;
    }
    value =
      (value === undefined ? '' : value + spaces) +
      (plain ?? quoted?.replaceAll(/\\(\r?\n|[^])/g, unescaped) ?? unescaped('', sign ?? ''));
    spaces = '';
    if (value.length > longest) break;
  }
  return value ?? '';
}

function unescaped(_: string, sign: string): string {
  return escaped[sign] ?? '';
}
