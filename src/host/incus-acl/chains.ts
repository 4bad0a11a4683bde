import { Problem } from '../../base/problem.ts';
import { runInNetwork } from '../link/in-network.ts';
import type { NetworkScope } from '../link/in-network.ts';

export interface ChainCall extends NetworkScope {
  readonly signal?: AbortSignal | undefined;
}

/** Chains that Incus makes for the ACLs of a bridge: three that hook in, and the one that they jump to. */
const hooks = ['aclin', 'aclout', 'aclfwd'] as const;

/** Whether the kernel holds what Incus makes of a bridge's ACLs: every hook leads to the rules, and these end in a refusal. */
export async function aclChains(bridge: string, call: ChainCall): Promise<{ readonly isWhole: boolean }> {
  const { code, stdout } = await runInNetwork({ ...call, command: ['nft', 'list', 'table', 'inet', 'incus'] });
  // No such table: then there are no rules.
  if (code !== 0) return { isWhole: false };
  const chain = (name: string) =>
    new RegExp(`\\n\\tchain ${escaped(`${name}.${bridge}`)} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*?)\\n\\t\\}`).exec(
      stdout,
    )?.[1];
  const jump = `jump acl.${bridge}`;
  const leads = hooks.every((hook) =>
    chain(hook)
      ?.split('\n')
      .some((line) => line.trim().endsWith(jump)),
  );
  const ends = chain('acl')
    ?.split('\n')
    .some((line) => line.trim() === `iifname "${bridge}" reject`);
  return { isWhole: leads && ends === true };
}

function escaped(text: string): string {
  return text.replaceAll('.', '\\.');
}

/**
 * Takes away what Incus 6.0 leaves behind when a network loses its last ACL, and which would go on refusing.
 *
 * @throws Problem `acl.chains` when nft refuses
 */
export async function removeAclChains(bridge: string, call: ChainCall): Promise<void> {
  const listed = await runInNetwork({ ...call, command: ['nft', 'list', 'chains', 'inet'] });
  const names = [...hooks, 'acl'].map((name) => `${name}.${bridge}`);
  const present = names.filter((name) => listed.stdout.includes(`\tchain ${name} {`));
  if (present.length === 0) return;
  const lines = ['flush', 'delete'].flatMap((verb) => present.map((name) => `${verb} chain inet incus ${name}\n`));
  const { code, stderr } = await runInNetwork({ ...call, command: ['nft', '-f', '-'], input: lines.join('') });
  if (code === 0) return;
  throw new Problem({
    code: 'acl.chains',
    message: `Rules that Incus left behind cannot be removed: ${stderr.split('\n')[0]?.trim()}`,
    hint: `Restart the network: incus network set ${bridge} ipv4.dhcp.expiry=1h`,
    retry: 'backoff',
  });
}
