import type { Lab } from './lab.ts';

/** Everything on a lab's host that a sandbox could leave behind, in a form that two looks can be compared in. */
export interface HostWorld {
  readonly instances: readonly string[];
  readonly rules: readonly string[];
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
  const [instances, rules, links, policies, files] = await Promise.all([
    lab.incus('list', '--all-projects', '--format', 'csv', '--columns', 'n'),
    listRules(lab),
    lab.inside.output(['ip', '-o', 'link', 'show']),
    lab.inside.output(['ip', '-o', 'xfrm', 'policy', 'list']),
    lab.inside.output(['ls', `${lab.incusDir}/devices`, `${lab.incusDir}/containers`]),
  ]);
  return {
    instances: lines(instances).toSorted(),
    rules: lines(rules).filter((line) => !isGeneration(line)),
    links: lines(links).map((line) => line.split(': ')[1] ?? ''),
    policies: lines(policies).map((line) => line.replace(/\s+/g, ' ')),
    files: lines(files),
  };
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** The element that every write of ours replaces. */
function isGeneration(line: string): boolean {
  return /elements = \{ 0x[0-9a-f]{8} \}/.test(line);
}
