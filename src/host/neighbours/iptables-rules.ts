/** One rule: its words behind the name of the chain, and how it was printed. */
export interface IptablesRule {
  readonly words: readonly string[];
  readonly text: string;
}

/** A chain; only the built-in ones have a policy. */
export interface IptablesChain {
  readonly policy: 'ACCEPT' | 'DROP' | undefined;
  readonly rules: readonly IptablesRule[];
}

/** Chains by table and name. */
export type IptablesTables = ReadonlyMap<string, ReadonlyMap<string, IptablesChain>>;

/** Reads what iptables-save(8) prints; lines of any other kind are passed over. */
export function parseIptables(text: string): IptablesTables {
  const tables = new Map<string, Map<string, { policy: IptablesChain['policy']; rules: IptablesRule[] }>>();
  let current = new Map<string, { policy: IptablesChain['policy']; rules: IptablesRule[] }>();
  for (const line of text.split('\n')) {
    const [, kind, rest = ''] = /^(\*|:|-A )(.*)$/.exec(line) ?? [];
    if (kind === '*') {
      current = new Map();
      tables.set(rest.trim(), current);
    } else if (kind === ':') {
      const [name = '', policy] = rest.split(' ');
      current.set(name, { policy: policy === 'ACCEPT' || policy === 'DROP' ? policy : undefined, rules: [] });
    } else if (kind === '-A ') {
      const [chain = '', ...words] = wordsOf(rest);
      current.get(chain)?.rules.push({ words, text: line });
    }
  }
  return tables;
}

/** Words of a line; those with blanks stand in double quotes, in which a backslash guards a sign. */
function wordsOf(line: string): string[] {
  return (line.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? []).map((word) =>
    word.startsWith('"') ? word.slice(1, -1).replaceAll(/\\(.)/g, '$1') : word,
  );
}
