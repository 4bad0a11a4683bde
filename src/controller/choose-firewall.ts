import { Problem } from '../base/problem.ts';
import type { Firewall } from '../host/firewall/firewall.ts';
import { removeAll } from '../host/firewalld/direct-rules.ts';
import { openFirewalld } from '../host/firewalld/firewall.ts';
import { BridgeAcl } from '../host/incus-acl/acl.ts';
import { openAclFirewall } from '../host/incus-acl/firewall.ts';
import type { AclFirewallInit } from '../host/incus-acl/firewall.ts';
import { openFirewall } from '../host/nft/firewall.ts';
import type { FirewallKind } from '../network/firewall-kind.ts';

/**
 * Opens the firewall that the host's settings name.
 *
 * @throws {Problem} when it cannot be used on this host: nothing is started without it
 */
export async function chooseFirewall(kind: FirewallKind, init: AclFirewallInit): Promise<Firewall> {
  if (kind !== 'nft' && init.bridge.shared) {
    throw new Problem({
      code: 'firewall.shared',
      message: `The bridge ${init.bridge.name} is shared with others, whom ${kind} would judge, too`,
      hint: 'Use controller.firewall = "nft", or give sandboxes a bridge of their own: deploy/quickstart.',
    });
  }
  if (kind === 'firewalld') return openFirewalld(init);
  return kind === 'incus-acl' ? openAclFirewall(init) : openFirewall(init);
}

/**
 * Removes what the other backends have left from before the settings were changed: an ACL that nobody keeps would go on
 * refusing. Tables need no removal, because every backend has its own in their place at its first look.
 *
 * @throws {Problem} when it is there and cannot be removed
 */
export async function removeOtherFirewalls(kind: FirewallKind, init: AclFirewallInit): Promise<void> {
  if (kind !== 'incus-acl') await new BridgeAcl(init).remove();
  if (kind === 'firewalld') return;
  try {
    await removeAll({ signal: init.signal, patience: 2 });
  } catch (error) {
    // Where firewalld does not run or answer, it holds no rules of ours that matter: they only put a mark that nobody reads.
    if (!(error instanceof Problem && /^(?:firewalld|host)\./.test(error.code))) throw error;
  }
}
