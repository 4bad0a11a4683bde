import { z } from 'zod';
import type { Answer, Api } from './api.ts';
import type { Config } from './instance.ts';
import type { CallOptions } from './instances.ts';
import { configSchema, pathsSchema } from './schemas.ts';

/** Incus leaves empty fields out. */
const ruleSchema = z.looseObject({
  action: z.string(),
  source: z.string().optional(),
  destination: z.string().optional(),
  protocol: z.string().optional(),
  destination_port: z.string().optional(),
  description: z.string().optional(),
  state: z.string(),
});

const schema = z.looseObject({
  name: z.string(),
  description: z.string().default(''),
  egress: z.array(ruleSchema).nullish(),
  ingress: z.array(ruleSchema).nullish(),
  config: configSchema,
  used_by: pathsSchema,
});

/** One rule of a network ACL, in Incus' own terms. Addresses and ports may be lists with commas. */
export interface AclRule {
  readonly action: string;
  readonly source?: string | undefined;
  readonly destination?: string | undefined;
  readonly protocol?: string | undefined;
  readonly destination_port?: string | undefined;
  readonly description?: string | undefined;
  readonly state: string;
}

/** What an ACL says. */
export interface AclContent {
  readonly description: string;
  readonly egress: readonly AclRule[];
  readonly ingress: readonly AclRule[];
  readonly config: Config;
}

export interface NetworkAcl extends AclContent {
  readonly name: string;
  /** Paths of networks, instances and profiles. */
  readonly usedBy: readonly string[];
}

const collection = '/1.0/network-acls';
const member = '/1.0/network-acls/{name}';

/**
 * Network ACLs. Everything that throws, throws {@link IncusError}.
 * @see Incus documentation, "REST API", "network-acls", and "How to configure network ACLs"
 */
export class NetworkAcls {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  get(name: string, options: CallOptions = {}): Promise<Answer<NetworkAcl>> {
    const call = { method: 'GET', route: member, what: `read network ACL "${name}"`, params: { name } } as const;
    return this.#api.sync({ ...call, ...options }, parseAcl);
  }

  create(name: string, content: AclContent, options: CallOptions = {}): Promise<void> {
    const what = `create network ACL "${name}"`;
    return this.#api.done({ method: 'POST', route: collection, what, json: { name, ...content }, ...options });
  }

  /** Replaces all that an ACL says; those who have it get the new rules in one transaction of the kernel. */
  put(name: string, content: AclContent, options: CallOptions & { readonly etag?: string } = {}): Promise<void> {
    const call = { method: 'PUT', route: member, what: `change network ACL "${name}"`, params: { name } } as const;
    return this.#api.done({ ...call, json: content, ...options });
  }

  /** Refused while anything uses it. */
  delete(name: string, options: CallOptions = {}): Promise<void> {
    const call = { method: 'DELETE', route: member, what: `delete network ACL "${name}"`, params: { name } } as const;
    return this.#api.done({ ...call, ...options });
  }
}

function parseAcl(value: unknown): NetworkAcl {
  const { name, description, egress, ingress, config, used_by: usedBy } = schema.parse(value);
  return {
    name,
    description,
    egress: (egress ?? []).map(parseRule),
    ingress: (ingress ?? []).map(parseRule),
    config,
    usedBy,
  };
}

function parseRule(rule: z.infer<typeof ruleSchema>): AclRule {
  const { action, source, destination, protocol, destination_port, description, state } = rule;
  return { action, source, destination, protocol, destination_port, description, state };
}
