import { z } from 'zod';
import { toolNames } from '../defaults.ts';
import { field } from './field.ts';
import { mostProtectedPaths, protectedPathFault, usualProtectedPaths } from '../protected-paths.ts';
import { absolutePath, deviceName, homePath, homePathAllowed } from './formats.ts';

/** What runs inside. */
export const toolSection = z.strictObject({
  name: field(z.enum(toolNames), {
    description:
      'The agent to run. `coi shell` runs `claude` unless told otherwise; a manifest without it and `prompt` runs none.',
  }),
  command: field(z.array(z.string().min(1)).min(1), {
    description: 'The command to run inside, as a list: the program, then its arguments. No shell takes part.',
    allowed: 'a list of texts with at least one, such as ["bash", "-l"]',
  }),
  binary: field(z.string(), { description: "Another program to start in place of the agent's own.", default: '' }),
  permission_mode: field(z.enum(['bypass', 'interactive']), {
    description: 'Whether the agent asks before it acts.',
    default: 'bypass',
  }),
  claude: field(
    z.strictObject({
      effort_level: field(z.enum(['low', 'medium', 'high']), {
        description: 'How much thought the agent spends.',
        default: 'medium',
      }),
      model: field(z.string(), {
        description:
          "The model to work with, by a name that the agent knows; empty leaves the choice to the agent's own settings.",
        default: '',
      }),
    }),
    { description: 'Settings of the agent `claude`.' },
  ),
  host_files: field(z.boolean(), {
    description:
      "Whether the files of the owner's home directory that the agent needs to log in, and its settings there, go in, by their names.",
    default: true,
  }),
});

const ownDirectory = (what: string) =>
  field(homePath, {
    description: `${what} Made where it is named and not there when a session starts; coi itself keeps nothing in it.`,
    allowed: homePathAllowed,
  });

/** Where things are mounted. */
export const pathsSection = z.strictObject({
  preserve_workspace_path: field(z.boolean(), {
    description:
      'Whether the workspace is mounted at its path on the host; below directories of the system it stays at /workspace. ' +
      'Can only be turned on by higher layers.',
    default: false,
  }),
});

export const gitSection = z.strictObject({
  writable_hooks: field(z.boolean(), {
    description:
      'Whether git hooks may be written inside; turns all protection off, as `security.disable_protection` does.',
    default: false,
  }),
});

const protectedPath = z
  .string()
  .superRefine((text, context) => {
    const fault = protectedPathFault(text);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  })
  // Of what is checked above JSON Schema sees nothing: this much it can say itself.
  .meta({ minLength: 1, allowed: 'a path in the workspace such as ".git/hooks"' });
/** Each of them is a mount of its own, which takes a start its time. */
const protectedPaths = z.array(protectedPath).max(mostProtectedPaths);
const protectedAllowed = `a list of at most ${mostProtectedPaths} paths in the workspace such as ".git/hooks" or ".envrc"`;

export const securitySection = z.strictObject({
  protected_paths: field(protectedPaths, {
    description:
      'Paths of the workspace that are read-only inside. What is not there is made, as an empty directory, for as long as ' +
      'the sandbox runs. A higher layer replaces the list.',
    default: usualProtectedPaths,
    allowed: protectedAllowed,
  }),
  additional_protected_paths: field(protectedPaths, {
    description: 'More such paths. Layers add up.',
    default: [],
    allowed: protectedAllowed,
  }),
  disable_protection: field(z.boolean(), {
    description: 'Whether nothing is read-only. Can only be turned on by higher layers.',
    default: false,
  }),
  docker: field(z.boolean(), {
    description:
      'Whether containers can run inside, as Docker and Podman do. It gives what is inside more of the kernel to talk to: ' +
      'namespaces and mounts of its own.',
    default: true,
  }),
});

/** Where things are kept and mounted. */
export const settingsPaths = pathsSection.extend({
  sessions_dir: ownDirectory('A directory for sessions, which are saved in `~/.coi/sessions-TOOL`.'),
  storage_dir: ownDirectory('A directory for what sessions share, to be mounted with `--storage`.'),
  logs_dir: ownDirectory('A directory for logs.'),
});

const insidePath = absolutePath.meta({ allowed: 'an absolute path inside' });
const hostPath = homePath.meta({ allowed: homePathAllowed });
const readonly = field(z.boolean(), { description: 'Whether it can only be read inside.', default: false });

/** Mounts of a manifest: keyed by the path inside, so that a change is one patch operation. */
export const manifestMounts = z.record(
  absolutePath,
  z.strictObject({
    host: hostPath.meta({
      description: "Directory on the host. `~` is the home of the file's owner.",
      allowed: homePathAllowed,
    }),
    readonly,
    shift: field(z.boolean(), {
      description:
        'Whether its files belong inside to the users with the same numbers as on the host; else they belong to nobody there.',
      default: true,
    }),
    device: field(deviceName, {
      description: 'What its device of the container is called. It gets a name after its path unless given.',
      allowed: 'a name such as "data", with letters, digits, dots, dashes and underscores, not beginning with "mount-"',
    }),
  }),
);

export const settingsMounts = z.strictObject({
  default: field(z.array(z.strictObject({ host: hostPath, container: insidePath, readonly })), {
    description:
      'Directories mounted into every sandbox: `host`, `container`, and `readonly = true` for what can only be read inside. ' +
      'Layers add up. A session has them made where they are not there.',
    default: [],
    allowed: 'a list of pairs such as { host = "~/data", container = "/data" }',
  }),
});
