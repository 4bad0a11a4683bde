import * as z from 'zod';

/** What the settings file of Claude Code says that bears on Amazon Bedrock; everything else in it is left alone. */
export interface ClaudeSettings {
  /** Variables that Claude Code gives itself. */
  readonly env: Readonly<Record<string, string>>;
  /** `anthropic.apiProvider`. */
  readonly provider?: string;
}

/** Where the switch may be, as people know the places. */
export interface SwitchPlaces {
  readonly settings: ClaudeSettings;
  /** What is handed over to the agent. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The variable that has Claude Code use Bedrock. */
const variable = 'CLAUDE_CODE_USE_BEDROCK';

const words = new Set(['1', 'true', 'yes', 'on']);

const value = z.union([z.string(), z.number(), z.boolean()]).transform(String).optional().catch(undefined);
const schema = z.object({
  env: z.record(z.string(), value).catch({}),
  anthropic: z.object({ apiProvider: z.string().optional().catch(undefined) }).catch({}),
});

/** Reads `~/.claude/settings.json`. A text that is no table says nothing: whoever copies the file inside reports it. */
export function readClaudeSettings(text: string | undefined): ClaudeSettings {
  const { data } = schema.safeParse(tableOf(text));
  const env = Object.entries(data?.env ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const provider = data?.anthropic.apiProvider;
  return { env: Object.fromEntries(env), ...(provider !== undefined && { provider }) };
}

function tableOf(text: string | undefined): unknown {
  try {
    const data: unknown = JSON.parse(text ?? '{}');
    return typeof data === 'object' && data !== null ? { env: {}, anthropic: {}, ...data } : undefined;
  } catch {
    // Not JSON: it switches nothing on.
    return undefined;
  }
}

/** What switches Bedrock on, for people; undefined where nothing does. */
export function bedrockSwitch({ settings, environment }: SwitchPlaces): string | undefined {
  if (isTrue(environment[variable])) return `${variable} among the variables that are handed over`;
  if (isTrue(settings.env[variable])) return `${variable} in ~/.claude/settings.json`;
  return settings.provider === 'bedrock' ? 'anthropic.apiProvider in ~/.claude/settings.json' : undefined;
}

/** Whether a variable says yes, as Claude Code reads it. */
export function isTrue(text: string | undefined): boolean {
  return text !== undefined && words.has(text.trim().toLowerCase());
}
