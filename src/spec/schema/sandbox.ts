import { z } from 'zod';
import { builtIn } from '../defaults.ts';
import { runStates } from '../sandbox.ts';
import { gitSection, manifestMounts, pathsSection, securitySection, toolSection } from './features.ts';
import { field, later } from './field.ts';
import {
  cronExpression,
  declaredName,
  duration,
  durationAllowed,
  homePath,
  homePathAllowed,
  imageName,
  profileName,
  timezone,
} from './formats.ts';
import { sandboxIncus } from './host.ts';
import { limitsSection } from './limits.ts';
import { monitoringSection } from './monitoring.ts';
import { networkSection } from './network.ts';

const cronAllowed = 'five cron fields: minute, hour, day of month, month, day of week, such as "0 9 * * 1-5"';

const schedule = z.strictObject({
  start: field(cronExpression, { description: 'When to start, as a cron expression.', allowed: cronAllowed }),
  stop: field(cronExpression, { description: 'When to stop, as a cron expression.', allowed: cronAllowed }),
  timezone: field(timezone, {
    description: 'Time zone in which both are read.',
    default: builtIn.timezone,
    allowed: 'an IANA time zone such as "Europe/Warsaw" or "UTC"',
  }),
});

const lifetime = z.strictObject({
  ttl: field(duration, {
    description: 'How long the sandbox may exist, counted from its creation; after that it is deleted.',
    allowed: durationAllowed,
  }),
  idle: later(duration, { description: 'How long it may do nothing before it is deleted.', allowed: durationAllowed }),
});

const policy = z.strictObject({
  deletion: field(z.enum(['delete', 'orphan', 'protect', 'confirm']), {
    description:
      'What follows when the manifest is gone. `delete`: the sandbox goes. `orphan`: it stays as it is, with its rules. ' +
      '`protect`: it stays and is reported. `confirm`: it goes once somebody confirms.',
    default: builtIn.policy.deletion,
  }),
  drift: field(z.enum(['enforce', 'observe']), {
    description: 'Whether changes made by hand are put right (`enforce`) or only shown (`observe`).',
    default: builtIn.policy.drift,
  }),
  allow: field(z.enum(['in-place', 'restart', 'recreate']), {
    description: 'The most disruptive way in which a changed manifest may be carried out.',
    default: builtIn.policy.allow,
  }),
});

/** One `[sandbox.NAME]` table, or the part of one that a layer contributes. */
export const sandboxSchema = z.strictObject({
  profile: field(profileName, {
    description: 'Profile of the settings to start from.',
    allowed: 'the name of a profile: letters, digits, dots, dashes and underscores',
  }),
  workspace: field(homePath, {
    description:
      "Directory on the host, mounted at /workspace unless `paths.preserve_workspace_path`. `~` is the home of the file's owner.",
    allowed: homePathAllowed,
  }),
  image: field(imageName, {
    description: 'Image to create the sandbox from: an alias or a fingerprint.',
    default: builtIn.image,
    allowed: 'the alias or fingerprint of an image',
  }),
  tool: field(toolSection, { description: 'What runs inside.' }),
  prompt: field(z.string().min(1), {
    description: 'What the agent is asked to do; handed to its command.',
    allowed: 'a text',
  }),
  state: field(z.enum(runStates), {
    description: 'What the sandbox is to be doing. `absent` deletes it without waiting.',
    default: builtIn.state,
  }),
  persistent: field(z.boolean(), {
    description: 'Whether the sandbox outlives a stop from inside.',
    default: builtIn.persistent,
  }),
  restart: field(z.enum(['always', 'never']), {
    description: 'Whether it is started again when it, or its command, ends by itself.',
    default: 'always',
  }),
  network: field(networkSection, { description: 'What it may reach.' }),
  limits: field(limitsSection, { description: 'How much of the host it may use.' }),
  schedule: field(schedule, { description: 'When it runs. Whichever of both fired last holds.' }),
  lifetime: field(lifetime, { description: 'When it ends for good.' }),
  policy: field(policy, { description: 'What may happen to it without anybody saying so again.' }),
  depends_on: field(z.array(declaredName.meta({ allowed: 'the name of a sandbox' })), {
    description: 'Sandboxes that must be Ready before this one is started.',
    default: [],
    allowed: 'a list of names of sandboxes',
  }),
  incus: field(sandboxIncus, { description: 'The user inside.' }),
  mounts: field(manifestMounts, {
    description: 'More directories of the host, keyed by the path inside: `mounts."/data" = { host = "~/data" }`.',
    allowed: 'a table of absolute paths inside, each with its `host`',
  }),
  paths: field(pathsSection, { description: 'Where things are mounted.' }),
  git: field(gitSection, { description: 'Git inside the workspace.' }),
  security: field(securitySection, { description: 'What is read-only inside, and whether containers run there.' }),
  monitoring: field(monitoringSection, { description: 'What is watched, and what follows.' }),
});

/** What one layer says about a sandbox: only what was written there. */
export type SandboxLayer = z.infer<typeof sandboxSchema>;
