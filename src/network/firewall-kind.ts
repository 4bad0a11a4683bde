/** What holds sandboxes to their policies on a host. */
export const firewallKinds = ['nft', 'firewalld', 'incus-acl'] as const;
export type FirewallKind = (typeof firewallKinds)[number];
