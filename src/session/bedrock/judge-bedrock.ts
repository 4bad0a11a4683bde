import { resolve } from 'node:path/posix';
import { Problem } from '../../base/problem.ts';
import type { AwsFound } from '../../host/aws/look-at-aws.ts';

/** What an agent that uses Bedrock is to have. */
export interface BedrockAsk {
  /** Home directory of the owner, on the host. */
  readonly ownerHome: string;
  /** Home directory of the user inside. */
  readonly guestHome: string;
  /** Paths inside at which something of the host is mounted. */
  readonly mounted: readonly string[];
  /** Names of the variables of AWS that the agent gets. */
  readonly given: readonly string[];
  /** Names of the variables of AWS that whoever starts it has, and the agent does not get. */
  readonly keptBack: readonly string[];
}

/** What is wrong: errors keep a session from starting. */
export interface BedrockVerdict {
  readonly errors: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Most files that are named one by one. */
const mostNamed = 5;

/** Everything that will keep an agent from Amazon Bedrock, or should be known about its login, each with what to do. */
export function judgeBedrock(found: AwsFound, ask: BedrockAsk): BedrockVerdict {
  return {
    errors: [
      ...programFaults(found),
      ...directoryFaults(found, ask),
      ...identityFaults(found, ask),
      ...mountFaults(ask),
    ],
    warnings: [...looseFileFaults(found), ...doubleFaults(found, ask)],
  };
}

function programFaults({ identity }: AwsFound): Problem[] {
  if (identity.kind !== 'no-program') return [];
  return fault('program', {
    message: 'The AWS CLI is missing: there is no program "aws" to run',
    hint: 'Install version 2 of it, and see that it is found: aws --version',
  });
}

function directoryFaults({ hasDirectory }: AwsFound, { ownerHome, given }: BedrockAsk): Problem[] {
  if (hasDirectory || hasKeys(given)) return [];
  return fault('directory', {
    message: `There is no directory ${ownerHome}/.aws with a login to AWS`,
    hint: 'Make one with: aws configure sso',
  });
}

function identityFaults({ identity }: AwsFound, { keptBack }: BedrockAsk): Problem[] {
  if (identity.kind !== 'refused') return [];
  const flags = keptBack.map((name) => `-e ${name}=…`).join(' ');
  const others = flags && ` The agent gets no variable of your shell by itself; to hand over those of AWS: ${flags}`;
  return fault('identity', {
    message: `AWS does not accept the login: aws sts get-caller-identity failed: ${identity.why}`,
    hint: `Log in again, as with: aws sso login.${others}`,
  });
}

function mountFaults({ mounted, guestHome, given }: BedrockAsk): Problem[] {
  const wanted = `${guestHome}/.aws`;
  if (hasKeys(given) || mounted.some((path) => resolve('/', path) === wanted)) return [];
  return fault('mount', {
    message: `Nothing is mounted at ${wanted}, so the agent has no login to AWS`,
    hint: `Add --mount ~/.aws:${wanted}, or mounts.default = [{ host = "~/.aws", container = "${wanted}" }] to the settings.`,
  });
}

function looseFileFaults({ looseFiles }: AwsFound): Problem[] {
  if (looseFiles.length === 0) return [];
  const named = looseFiles.slice(0, mostNamed).join(', ');
  const more = looseFiles.length > mostNamed ? ` and ${looseFiles.length - mostNamed} more` : '';
  return fault('readable', {
    message: `Others on this host can read tokens of your login to AWS: ${named}${more}`,
    hint: 'Keep them to yourself: chmod go-rwx ~/.aws/sso/cache/*.json',
  });
}

function doubleFaults({ hasDirectory, macDirectories }: AwsFound, { ownerHome }: BedrockAsk): Problem[] {
  if (!hasDirectory || macDirectories.length === 0) return [];
  return fault('two', {
    message: `There is ${ownerHome}/.aws in this virtual machine, and ${macDirectories.join(', ')} of macOS`,
    hint: 'They are not kept in step: mount the one that you log in with.',
  });
}

/** Whether the agent gets a login by its variables alone. */
function hasKeys(given: readonly string[]): boolean {
  return given.includes('AWS_ACCESS_KEY_ID') && given.includes('AWS_SECRET_ACCESS_KEY');
}

function fault(what: string, init: { readonly message: string; readonly hint: string }): Problem[] {
  return [new Problem({ code: `bedrock.${what}`, ...init })];
}
