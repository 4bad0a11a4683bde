import { z } from 'zod';
import { builtIn } from '../defaults.ts';
import { ruleSeverities } from '../monitoring.ts';
import { field } from './field.ts';

const { notifications: usual } = builtIn;

/** Unencrypted only to this machine: what is told goes nowhere else in the clear. */
const webhook = z
  .string()
  .max(2_048)
  .regex(/^(?:|https:\/\/[^\s/]+(?:\/\S*)?|http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]{1,5})?(?:\/\S*)?)$/)
  .refine((url) => url === '' || URL.canParse(url), 'must be a URL');

/** Who is told of detections, and how. */
export const notificationsSection = z.strictObject({
  webhook: field(webhook, {
    description:
      'Where detections and quarantines are told, each as a JSON object that is posted; empty: nowhere. ' +
      'Its field `text` is what chat services show.',
    default: usual.webhook,
    allowed: 'a URL that begins with "https://" (or "http://" on this machine), or ""',
  }),
  webhook_header_file: field(z.string().regex(/^(?:|\/.+)$/), {
    description: 'File of mode 0600 with one line `Name: value`: a header that goes along, such as a secret.',
    default: usual.webhookHeaderFile,
    allowed: 'an absolute path, or ""',
  }),
  level: field(z.enum(ruleSeverities), {
    description: 'Detections that are less bad are not told. Of those that are, each thing is told once.',
    default: usual.level,
  }),
  desktop: field(z.boolean(), {
    description: 'Whether the user whose session it is sees it on their desktop, where notify-send is installed.',
    default: usual.desktop,
  }),
});
