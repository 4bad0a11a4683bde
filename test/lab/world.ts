import type { Lab } from './lab.ts';

/** Everything on a lab's host that a sandbox could leave behind, in a form that two looks can be compared in. */
export interface HostWorld {
  readonly instances: readonly string[];
  /** A text for each table, in order of their names. */
  readonly tables: readonly string[];
  readonly links: readonly string[];
  readonly policies: readonly string[];
  readonly files: readonly string[];
}

/** The loaded ruleset without counters and timeouts that tick. */
export function listRules(lab: Lab): Promise<string> {
  return lab.inside.output(['nft', '-s', 'list', 'ruleset']);
}

/** Looks at instances, rules, links, block policies and the files that Incus keeps for each instance. */
export async function worldOf(lab: Lab): Promise<HostWorld> {
  const [instances, tables, links, policies, files] = await Promise.all([
    lab.incus('list', '--all-projects', '--format', 'csv', '--columns', 'n'),
    tablesOf(lab),
    lab.inside.output(['ip', '-o', 'link', 'show']),
    policiesOf(lab),
    lab.inside.output(['ls', `${lab.incusDir}/devices`, `${lab.incusDir}/containers`]),
  ]);
  return {
    instances: lines(instances).toSorted(),
    tables,
    links: lines(links)
      .map((line) => line.split(': ')[1] ?? '')
      .toSorted(),
    policies,
    files: lines(files),
  };
}

/** Every loaded table, elements in order, without the element that each write of ours replaces. */
export async function tablesOf(lab: Lab): Promise<string[]> {
  const text = (await listRules(lab)).replace(/^\t\telements = \{ 0x[0-9a-f]{8} \}\n/m, '');
  const sorted = text.replaceAll(/elements = \{([^}]*)\}/g, (_, inner: string) => {
    return `elements = { ${inner
      .split(',')
      .map((element) => element.trim())
      .toSorted()
      .join(', ')} }`;
  });
  return sorted
    .split(/^(?=table )/m)
    .map(sortBlocks)
    .toSorted();
}

/** Chains and sets in order of their names: a new one stands last. */
function sortBlocks(table: string): string {
  const [head = '', ...blocks] = table.replace(/\}\s*$/, '').split(/^(?=\t(?:chain|set|map) )/m);
  return [head, ...blocks.map((block) => block.trimEnd()).toSorted()].join('\n');
}

/** Block policies of the second layer and everybody else's. */
export async function policiesOf(lab: Lab): Promise<string[]> {
  const text = await lab.inside.output(['ip', '-o', 'xfrm', 'policy', 'list']);
  return lines(text)
    .map((line) => line.replace(/\s+/g, ' '))
    .toSorted();
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
