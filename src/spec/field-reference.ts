import type { z } from 'zod';
import { describeAllowed } from './describe.ts';
import { manifestFileSchema, settingsFileSchema } from './schema/files.ts';
import { childOf, definitionOf, isUnbuilt, keysOf, type SchemaKey } from './schema/walk.ts';

/** The text of desired-state/README.md: every key of manifests and settings, from the schema. */
export function fieldReference(): string {
  const sandbox = childOf(childOf(manifestFileSchema, 'sandbox')!, 'NAME')!;
  const sandboxKeys = keysOf(sandbox);
  const shared = Object.keys(definitionOf(sandbox).shape!).filter((key) => key !== 'incus' && key !== 'mounts');
  const image = childOf(childOf(manifestFileSchema, 'image')!, 'NAME')!;
  const settingsKeys = keysOf(settingsFileSchema).filter(
    ({ path }) => path[0] !== 'profiles' && !shared.includes(path[0]!),
  );
  return [
    introduction,
    '## Keys of a sandbox\n\nEvery key has a default; `[sandbox.NAME]` alone is a valid sandbox without a workspace.',
    table(['key', 'allowed', 'default', 'meaning'], sandboxKeys, sandbox),
    `Known, but not there yet: setting one of these is refused with an error that says so. The default is what will hold.`,
    table(['key', 'default', 'meaning'], sandboxKeys, sandbox),
    imagesIntroduction,
    table(['key', 'allowed', 'default', 'meaning'], keysOf(image), image),
    settingsIntroduction,
    table(['key', 'allowed', 'default', 'meaning'], settingsKeys, settingsFileSchema),
  ]
    .join('\n\n')
    .concat('\n');
}

const columns = {
  key: (key: SchemaKey) => `\`${pathOf(key)}\``,
  allowed: (key: SchemaKey) => describeAllowed(key.schema),
  default: defaultOf,
  meaning: about,
};

/** A table of keys: of those that work when it says what is allowed, else of those that are not there yet. */
function table(heads: readonly (keyof typeof columns)[], keys: readonly SchemaKey[], schema: z.ZodType): string {
  const wanted = keys.filter((key) => key.leaf && isLater(key, schema) !== heads.includes('allowed'));
  const rows = wanted.map((key) => heads.map((head) => columns[head](key).replaceAll('|', '\\|')));
  return [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Whether a key, or a table that it stands in, is not built yet. */
function isLater({ path }: SchemaKey, schema: z.ZodType): boolean {
  let node: z.ZodType | undefined = schema;
  return path.some((part) => {
    node = node && childOf(node, part);
    return node !== undefined && isUnbuilt(node);
  });
}

function pathOf({ path }: SchemaKey): string {
  return path.map((part) => (part === '*' ? 'NAME' : part)).join('.');
}

function defaultOf({ meta }: SchemaKey): string {
  const unit = meta.unit ? ` ${meta.unit}` : '';
  return 'default' in meta ? `\`${JSON.stringify(meta.default)}\`${unit}` : '';
}

function about({ meta }: SchemaKey): string {
  return meta.description ?? '';
}

const introduction = `# What should exist

<!-- Generated from the schema in src/spec/schema by test/spec/generated.test.ts: change it there. -->

Every \`*.toml\` file in this directory says which sandboxes should exist. Save a file and they are created; change it and
they are changed; delete it and they are deleted. \`coi validate FILE\` checks a file, \`coi diff\` shows what would happen.

\`\`\`toml
#:schema ./coi.schema.json
apiVersion = "coi/v1"

[sandbox.checkout-fix]
workspace = "~/code/shop"
tool.command = ["bash", "-lc", "make test"]
limits = { cpu = { count = "2" }, memory = { limit = "4GiB" } }
schedule = { start = "0 9 * * 1-5", stop = "0 18 * * 1-5", timezone = "Europe/Warsaw" }
lifetime = { ttl = "8h" }
\`\`\`

- The first line is for editors: those that know TOML schemas (Taplo, Even Better TOML) complete and check as you type.
- A file may hold several sandboxes. The name of a file means nothing; two files that declare one name are both refused.
- A name has up to 59 lower-case letters, digits and dashes, begins and ends with a letter or digit, does not begin with
  \`del-\` and does not look like a session's: eight hex digits, a dash and a number, by themselves or behind anything that
  begins with a letter and ends with a dash (\`deadbeef-1\`, \`shop-deadbeef-1\`). The instance is called \`coi-NAME\`.
- A key that nobody knows is an error, with its line and the nearest known key.
- What a manifest leaves out comes from its \`profile\`, else from \`/etc/coi/config.toml\`, else from the defaults below.
- Durations are written \`90s\`, \`30m\`, \`8h\`, \`1h30m\`, \`2d\`; sizes \`512MiB\`, \`4GiB\`, \`10GB\`.`;

const imagesIntroduction = `## Keys of an image

A file may also declare images: the controller builds \`[image.NAME]\` when there is none with the alias NAME or what it is built from
has changed, and anew whenever its schedule says so, one at a time, as \`coi build\` does. Sandboxes that lack it wait meanwhile
and say so (\`ImageBuilding\`). A build that fails is tried again, first after a minute, and the image there is stays in use until
then; \`coi status\` says why. An image that no definition made is left alone. Taking the table away deletes nothing: old
versions go as those of any image do.

\`\`\`toml
apiVersion = "coi/v1"

[image.coi]
schedule = "0 4 * * 1"
timezone = "Europe/Warsaw"

[image.shop]
script = "/etc/coi/images/shop-tools"
base = "coi"
keep = 2

[sandbox.shop]
image = "shop"
\`\`\``;

const settingsIntroduction = `## Keys of the settings

\`/etc/coi/config.toml\` holds what is the same for all sandboxes. For the command line these follow, each laid over the
one before: \`~/.config/coi/config.toml\`, \`.coi.toml\` in the workspace, the file that \`COI_CONFIG\` names, environment
variables, \`--profile\`, and flags. Texts, numbers and switches of a higher layer replace those below it. A key that nobody
knows is a warning here.

The sections \`tool\`, \`network\`, \`limits\`, \`snapshots\`, \`paths\`, \`git\`, \`security\` and \`monitoring\` have the keys that they have in a
sandbox, and hold for every sandbox. A profile, \`[profiles.NAME]\`, may set \`image\`, \`persistent\`, \`tool\`, \`network\` and
\`limits\`; it replaces a profile of the same name in a lower layer.`;
