import { z } from 'zod';
import { builtIn } from '../defaults.ts';
import { sessionIdPattern } from '../names.ts';
import { gitSection, securitySection, settingsMounts, settingsPaths, toolSection } from './features.ts';
import { healthSection } from './health.ts';
import { declaredImageSchema } from './declared-image.ts';
import { field } from './field.ts';
import {
  declaredName,
  imageAlias,
  imageName,
  instanceName,
  profileName,
  sessionSourceName,
  variableName,
} from './formats.ts';
import { controllerSection, settingsIncus } from './host.ts';
import { imagesSection } from './images.ts';
import { limitsSection } from './limits.ts';
import { monitoringSection } from './monitoring.ts';
import { networkSection } from './network.ts';
import { notificationsSection } from './notifications.ts';
import { sandboxSchema } from './sandbox.ts';
import { snapshotsSection } from './snapshots.ts';

/** The version of the file format that every manifest names. */
export const apiVersion = 'coi/v1';

const version = z.literal(apiVersion).meta({ description: 'Version of the format.', allowed: `"${apiVersion}"` });

/** A whole manifest file. */
export const manifestFileSchema = z.strictObject({
  apiVersion: version,
  sandbox: field(z.record(declaredName, sandboxSchema), {
    description: 'The sandboxes, one table each: `[sandbox.NAME]`.',
  }),
  image: field(z.record(imageAlias, declaredImageSchema), {
    description: 'Images that the controller builds and refreshes by itself, one table each: `[image.NAME]`.',
  }),
});

/** The process that a session is for. */
export const leaseSchema = z.strictObject({
  pid: z.int().min(1).meta({ description: 'Its number' }),
  started_at: z
    .string()
    .regex(/^[0-9]+$/)
    .meta({ description: 'Its start, in clock ticks since that of the machine.' }),
  boot: z.string().min(1).meta({ description: 'Which start of the machine that was: its boot id.' }),
});

/** What somebody opened a session for. */
export const sessionPartSchema = z.strictObject({
  id: z.string().regex(sessionIdPattern).meta({ description: 'Its id.' }),
  resumes: z.literal(true).meta({ description: 'Whether it continues an earlier conversation.' }).exactOptional(),
  environment: z
    .string()
    .regex(/^[0-9A-Z]{26}$/)
    .meta({ description: 'Name of the file with its environment.' })
    .exactOptional(),
  direct: z.literal(true).meta({ description: 'Whether no agent is started for it.' }).exactOptional(),
  debug: z.literal(true).meta({ description: 'Whether bash runs in place of its agent.' }).exactOptional(),
});

/** What a command asked of a container by its name. */
export const askedSchema = z.strictObject({
  at: z.int().min(0).meta({ description: 'When, in milliseconds since 1970.' }),
  force: z.literal(true).meta({ description: 'Whether what runs inside is not asked to end first.' }).exactOptional(),
});

/** What a copy is made from. */
export const originSchema = z.strictObject({
  instance: instanceName.meta({ description: 'Incus instance that it is a copy of.' }),
  snapshot: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/)
    .meta({ description: 'Which snapshot of it.' }),
});

/** A sandbox in the session source, where the command line also says which instance it is. */
const sessionSandbox = sandboxSchema.extend({
  instance: field(instanceName, {
    description: 'Full name of the Incus instance.',
    allowed: 'a name that Incus takes for an instance',
  }),
  lease: field(leaseSchema, { description: 'The process that it is for: when that ends, so does the session.' }),
  ends_within: field(z.int().min(0).max(86_400), {
    description: 'It was shut down: how many seconds what runs inside has to end by itself, before it is deleted.',
  }),
  session: field(sessionPartSchema, { description: 'What somebody opened it for.' }),
  asked: field(askedSchema, { description: 'What a command last asked of its container.' }),
  origin: field(originSchema, { description: 'What it is a copy of, in place of its image.' }),
});

/** A whole file of the session source. */
export const sessionFileSchema = z.strictObject({
  apiVersion: version,
  sandbox: field(z.record(sessionSourceName, sessionSandbox), { description: 'The sandboxes, one table each.' }),
});

const image = field(imageName, {
  description: 'Image to create sandboxes from.',
  default: builtIn.image,
  allowed: 'the alias or fingerprint of an image',
});
const persistent = field(z.boolean(), {
  description: 'Whether sandboxes outlive a stop from inside.',
  default: builtIn.persistent,
});

const profile = z.strictObject({
  image,
  persistent,
  tool: field(toolSection, { description: 'What runs inside.' }),
  network: field(networkSection, { description: 'What sandboxes may reach.' }),
  limits: field(limitsSection, { description: 'How much of the host a sandbox may use.' }),
  environment: field(z.record(variableName, z.string()), {
    description: 'Variables of what runs in a session; manifests cannot take a profile that has any. `--env` wins.',
    default: {},
    allowed: 'a table of texts by names such as "LANG"',
  }),
});

/** A whole settings file. */
export const settingsFileSchema = z.strictObject({
  defaults: field(
    z.strictObject({
      image,
      persistent,
      model: field(z.string(), {
        description: 'Model of the agent `claude`: the older name of `tool.claude.model`, which wins.',
        default: '',
      }),
      mount_claude_config: field(z.boolean(), {
        description: "Whether the agent's files go in: the older name of `tool.host_files`, which wins.",
        default: true,
      }),
    }),
    { description: 'What every sandbox starts from.' },
  ),
  controller: field(controllerSection, { description: 'The controller itself.' }),
  incus: field(settingsIncus, { description: 'Incus, and the user inside.' }),
  tool: field(toolSection, { description: 'What runs inside.' }),
  network: field(networkSection, { description: 'What sandboxes may reach.' }),
  limits: field(limitsSection, { description: 'How much of the host a sandbox may use.' }),
  snapshots: field(snapshotsSection, { description: 'Snapshots of their disks that are made by themselves.' }),
  profiles: field(z.record(profileName, profile), {
    description: 'Named sets of settings: `[profiles.NAME]`. A profile replaces one of the same name in a lower layer.',
  }),
  mounts: field(settingsMounts, { description: 'More directories of the host.' }),
  paths: field(settingsPaths, { description: 'Where things are kept and mounted.' }),
  git: field(gitSection, { description: 'Git inside the workspace.' }),
  security: field(securitySection, { description: 'What is read-only inside, and whether containers run there.' }),
  images: field(imagesSection, { description: 'How `coi build` makes images, and how many stay.' }),
  notifications: field(notificationsSection, { description: 'Who is told of what was detected, and how.' }),
  health: field(healthSection, { description: 'Where `coi health` tries to get to from a sandbox of its own.' }),
  monitoring: field(monitoringSection, { description: 'What is watched, and what follows.' }),
});

/** What one settings file says: only what was written there. */
export type SettingsLayer = z.infer<typeof settingsFileSchema>;
export type ProfileLayer = z.infer<typeof profile>;
