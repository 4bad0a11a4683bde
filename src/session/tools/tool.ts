/** Whether an agent asks a person before it acts; inside a sandbox it usually need not. */
export type PermissionMode = 'bypass' | 'interactive';

/** How an agent is started. */
export interface LaunchOptions {
  /** Program to start in place of the agent's own; a name or an absolute path inside. */
  readonly binary?: string;
  readonly permissionMode: PermissionMode;
  readonly effort?: 'low' | 'medium' | 'high';
  /** In place of the one of its own settings. */
  readonly model?: string;
  /** What it is asked to do at once; without it, it waits for a person. */
  readonly prompt?: string;
  /** Id of the session as coi keeps it, a UUID. Agents that can be told an id use it as their own. */
  readonly sessionId: string;
  /** Continue an earlier conversation: the agent's own id of it, or `true` for its newest one. */
  readonly resume?: string | true;
  /** Directory that it starts in. */
  readonly workspace: string;
}

/** What settings depend on. */
export interface SettingsInput extends LaunchOptions {
  /** What somebody asked to have in its environment. */
  readonly variables: Readonly<Record<string, string>>;
}

/** A file in the agent's home that gets keys laid over what it holds: nested tables are merged, other keys survive. */
export interface SettingsOverlay {
  /** Relative to the home directory. */
  readonly path: string;
  readonly keys: JsonTable;
}

export interface JsonTable {
  readonly [key: string]: JsonValue;
}
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonTable;

/** A file below an agent's saved state. */
export interface StateFile {
  /** Relative to the home directory. */
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** What coi has to know of an agent. All paths are relative to a home directory; nothing here does anything by itself. */
export interface AgentTool {
  readonly name: string;
  /** Directories with its conversations and settings: saved when a session ends, put back when it is resumed. */
  readonly stateDirectories: readonly string[];
  /**
   * Files of the host's user that it needs to log in, and his settings for it: copied by name, one by one, fresh each
   * time. Nothing else of the home directory goes in.
   */
  readonly hostFiles: readonly string[];
  /** Which of `hostFiles`, or of these variables, lets it log in; without any of them it is not logged in. */
  readonly credentials: { readonly files: readonly string[]; readonly variables: readonly string[] };
  /** Settings of the host's user by which it gives itself variables; absent where it has none such. */
  readonly ownVariables?: {
    /** One of `hostFiles`. */
    readonly path: string;
    readonly read: (text: string) => Readonly<Record<string, string>>;
  };
  readonly command: (options: LaunchOptions) => string[];
  /** Variables beside those of every agent. */
  readonly environment: (options: LaunchOptions) => Readonly<Record<string, string>>;
  /** What makes it begin at once where nobody is there to ask, besides what the user chose. */
  readonly settings: (input: SettingsInput) => readonly SettingsOverlay[];
  /** Whether it finds its earlier conversation where nothing that was saved names one: in the workspace, as a rule. */
  readonly continuesByItself: boolean;
  /** Directory of a workspace by which an earlier conversation may be told that coi never saved; absent where there is none. */
  readonly workspaceMark?: string;
  /** The agent's own id of its newest conversation, told from the files that it left; undefined when it has none. */
  readonly newestSession: (files: readonly StateFile[], workspace: string) => string | undefined;
}
