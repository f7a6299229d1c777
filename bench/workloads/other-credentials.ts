import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashSync } from '@node-rs/bcrypt';
import {
  type Issued,
  issueAuthority,
  issueCertificate,
  name,
} from '../../test/support/certificates.ts';
import { askAsNginx } from '../asking.ts';
import type { Workload } from '../workload.ts';

const [user, password] = ['alice', 'correct horse battery staple'];
const basic = Buffer.from(`${user}:${password}`).toString('base64');

let issued: { readonly authority: Issued; readonly client: Issued } | undefined;

function certificates() {
  if (issued === undefined) {
    const authority = issueAuthority({ subject: name({ CN: 'Clients' }) });
    const subject = name({ C: 'US', ST: 'California', O: 'Acme', CN: 'orders' });
    issued = { authority, client: issueCertificate({ subject }, authority) };
  }
  return issued;
}

export const otherCredentials: readonly Workload[] = [
  {
    name: 'basic',
    title: 'The same user and password, bcrypt',
    service: {
      configuration: { credentials: [{ basic: { verify: { htpasswd_file: 'users' } } }] },
      prepare: (directory) =>
        writeFileSync(join(directory, 'users'), `${user}:${hashSync(password, { cost: 10 })}\n`),
    },
    asked: askAsNginx({ lines: [`Authorization: Basic ${basic}`] }),
    floor: { kind: 'answer' },
    bounds: [],
    quick: false,
  },
  {
    name: 'client-certificate',
    title: 'The same client certificate',
    service: {
      configuration: {
        gateways: { nginx: { client_certificate: true } },
        credentials: [{ client_certificate: { verify: { ca_file: 'clients-ca.pem' } } }],
      },
      prepare: (directory) =>
        writeFileSync(join(directory, 'clients-ca.pem'), certificates().authority.pem),
    },
    asked: askAsNginx({
      values: () => [encodeURIComponent(certificates().client.pem)],
      lines: ['X-SSL-Client-Verify: SUCCESS', 'X-SSL-Client-Cert: {}'],
    }),
    floor: { kind: 'answer' },
    bounds: [],
    quick: false,
  },
];
