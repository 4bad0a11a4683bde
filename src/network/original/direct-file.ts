import type { DirectRule } from './direct-rules.ts';

/** A rule in firewalld's file of direct rules, and where it stands. */
export interface FiledRule extends DirectRule {
  readonly start: number;
  /** Behind the end of its line. */
  readonly end: number;
}

const element = /[ \t]*<rule\s([^<>]*)>([^<>]*)<\/rule>[ \t]*\r?\n?/g;

/**
 * Rules for `ipv4 filter FORWARD` in the text of `direct.xml`. Those in comments, and those that need quotes or escapes, are
 * passed over: the original coi wrote none. See firewalld.direct(5).
 */
export function rulesInDirectFile(text: string): FiledRule[] {
  const comments = [...text.matchAll(/<!--[\s\S]*?-->/g)].map(({ index, 0: { length } }) => [index, index + length]);
  const isComment = (at: number) => comments.some(([start, end]) => at >= start! && at < end!);
  return [...text.matchAll(element)].flatMap(({ index: start, 0: whole, 1: head, 2: body }) => {
    const priority = priorityOf(head!);
    if (priority === undefined || isComment(start + whole.indexOf('<rule')) || /["'\\&]/.test(body!)) return [];
    return [{ priority, args: body!.trim().split(/\s+/), start, end: start + whole.length }];
  });
}

function priorityOf(head: string): number | undefined {
  const attributes = [...head.matchAll(/([\w-]+)\s*=\s*(?:"([^"&]*)"|'([^'&]*)')/g)];
  const values = new Map(attributes.map(([, name, double, single]) => [name!, double ?? single!]));
  const isOurs = values.get('ipv') === 'ipv4' && values.get('table') === 'filter' && values.get('chain') === 'FORWARD';
  const priority = values.get('priority') ?? '';
  return isOurs && values.size === 4 && /^-?\d+$/.test(priority) ? Number(priority) : undefined;
}

/** The same text without some of its rules, every other byte as it was. */
export function withoutRules(text: string, rules: readonly FiledRule[]): string {
  const parts: string[] = [];
  let from = 0;
  for (const { start, end } of rules.toSorted((a, b) => a.start - b.start)) {
    parts.push(text.slice(from, start));
    from = end;
  }
  return [...parts, text.slice(from)].join('');
}
