import { z } from 'zod';
import { firewallKinds } from '../../network/firewall-kind.ts';
import { builtIn, highestUid } from '../defaults.ts';
import { field } from './field.ts';
import { absolutePath, incusName, interfaceName, userName } from './formats.ts';

const uid = z.int().min(0).max(highestUid);

const user = {
  code_uid: field(uid, {
    description:
      'Numeric id of the user inside that owns the workspace and runs the agent. Unless set, a session has that of who starts it.',
    default: builtIn.incus.codeUid,
    allowed: 'a whole number from 0 to 65534',
  }),
  claude_uid: field(uid, {
    description: 'Older name of `code_uid`.',
    default: builtIn.incus.codeUid,
    allowed: 'a whole number from 0 to 65534',
  }),
  code_user: field(userName, {
    description: 'Name of that user.',
    default: builtIn.incus.codeUser,
    allowed: 'a user name such as "code"',
  }),
  disable_shift: field(z.boolean(), {
    description:
      "Whether to leave the ids of the workspace's files as they are, in place of shifting them into the sandbox's " +
      'range. Can only be turned on by higher layers.',
    default: false,
  }),
};

/** The part of Incus' settings that can differ from sandbox to sandbox. */
export const sandboxIncus = z.strictObject(user);

export const settingsIncus = z.strictObject({
  project: field(incusName, {
    description: 'Incus project that all sandboxes live in.',
    default: builtIn.incus.project,
    allowed: 'the name of an Incus project',
  }),
  group: field(incusName, {
    description: "Group whose members may use Incus and the controller's socket.",
    default: builtIn.incus.group,
    allowed: 'the name of a group',
  }),
  storage_pool: field(incusName, {
    description: 'Storage pool for the root disks.',
    default: builtIn.incus.storagePool,
    allowed: 'the name of a storage pool',
  }),
  ...user,
});

export const controllerSection = z.strictObject({
  sources: field(z.array(absolutePath).min(1), {
    description: 'Directories whose `*.toml` files say which sandboxes should exist. A higher layer replaces the list.',
    default: builtIn.controller.sources,
    allowed: 'a list of absolute paths with at least one',
  }),
  state_dir: field(absolutePath, {
    description: 'Directory of the session source, overrides, history and audit log.',
    default: builtIn.controller.stateDir,
    allowed: 'an absolute path',
  }),
  run_dir: field(absolutePath, {
    description: 'Directory of the socket and the lock.',
    default: builtIn.controller.runDir,
    allowed: 'an absolute path',
  }),
  metrics_listen: field(
    z.string().regex(/^(?:|(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-fA-F:]+\]|localhost):[0-9]{1,5})$/),
    {
      description: 'Where /metrics, /healthz and /readyz are served; empty serves them on the socket only.',
      default: builtIn.controller.metricsListen,
      allowed: 'an address with a port, such as "127.0.0.1:9477" or "[::1]:9477", or ""',
    },
  ),
  workers: field(z.int().min(1).max(64), {
    description: 'How many sandboxes are worked on at the same time.',
    default: builtIn.controller.workers,
    allowed: 'a whole number from 1 to 64',
  }),
  bridge: field(interfaceName, {
    description: 'Bridge that all sandboxes sit on.',
    default: builtIn.controller.bridge,
    allowed: 'the name of a network interface, at most 15 characters',
  }),
  firewall: field(z.enum(firewallKinds), {
    description:
      'What holds sandboxes to their network policies. `nft`: tables of coi’s own. `firewalld`: direct rules, for hosts ' +
      'whose packets are to pass no verdict but firewalld’s. `incus-acl`: a network ACL of Incus in addition to the ' +
      'tables. Whichever it is, identity, address translation and host services are nft’s. Takes effect at the next start.',
    default: builtIn.controller.firewall,
  }),
});
