import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, expect, it, jest } from '@jest/globals';
import {
  ecKeys,
  type Issued,
  issueAuthority,
  issueCertificate,
  type KeyPair,
  name,
  rsaKeys,
  subjectAltName,
} from '../support/certificates.ts';
import {
  asNginx,
  basic,
  call,
  endAll,
  freePorts,
  freshDirectory,
  type Ports,
  patience,
  serve,
  writeFiles,
} from '../support/process.ts';
import { reload, untilResult } from '../support/reloading.ts';

jest.setTimeout(patience);
afterEach(endAll);

const authority = issueAuthority({ subject: name({ CN: 'CA' }) });
const otherAuthority = issueAuthority({ subject: name({ CN: 'Other CA' }) });
const issue = (cn: string, by = authority, keys?: KeyPair) =>
  issueCertificate(
    {
      ...(keys && { keys }),
      subject: name({ CN: cn }),
      extensions: [subjectAltName(['dns', cn], ['ip', '\x7f\0\0\x01'])],
    },
    by,
  );
const keyOf = ({ privateKey }: Issued) =>
  String(privateKey.export({ type: 'pkcs8', format: 'pem' }));

/** @returns the name in the certificate that a new connection is shown */
function certificateAt(port: number, caller: Issued): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      {
        ...{
          host: '127.0.0.1',
          port,
          rejectUnauthorized: false,
          ALPNProtocols: ['h2', 'http/1.1'],
        },
        ...{ cert: caller.pem, key: keyOf(caller) },
      },
      () => {
        const { subject } = socket.getPeerCertificate();
        socket.destroy();
        resolve(String(subject?.CN));
      },
    );
    socket.on('error', reject);
  });
}

async function start() {
  const [grpc = 0] = await freePorts(1);
  const directory = freshDirectory();
  const [first, gateway] = [issue('first.test'), issue('gateway.test')];
  writeFiles(directory, {
    'server.pem': first.pem,
    'server.key': keyOf(first),
    'ca.pem': authority.pem,
  });
  const tls = 'tls: { cert_file: server.pem, key_file: server.key, client_ca_file: ca.pem }';
  const configuration = (ports: Ports) => `
issuer: https://countersign.example.com
listen:
  auth: { address: '127.0.0.1:${ports.auth}', ${tls} }
  grpc: { address: '127.0.0.1:${grpc}', ${tls} }
  public: { address: '127.0.0.1:${ports.public}', ${tls.replace(/, client_ca.*? }/, ' }')} }
  ops: 127.0.0.1:${ports.ops}
callers: { certificates: [gateway.test] }
gateways: { nginx: {}, envoy_grpc: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: a }
keys: { algorithm: ES256 }
drain: 0s
`;
  const serving = await serve(configuration, { directory });
  const { auth, public: open } = serving.ports;
  const shown = () => Promise.all([auth, grpc, open].map((port) => certificateAt(port, gateway)));
  const write = (files: Readonly<Record<string, string>>) => {
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
  };
  return { serving, shown, write, gateway };
}

it('a renewed certificate is shown to every new connection, over HTTP and gRPC', async () => {
  const { serving, shown, write } = await start();
  expect(await shown()).toEqual(['first.test', 'first.test', 'first.test']);
  const second = issue('second.test');
  write({ 'server.pem': second.pem, 'server.key': keyOf(second) });
  await untilResult(serving, 'applied');
  expect(await shown()).toEqual(['second.test', 'second.test', 'second.test']);
  const expiry = (await call({ port: serving.ports.ops, path: '/metrics' })).body;
  expect(expiry.match(/^countersign_certificate_expiry\S+\{/gm)).toHaveLength(3);
});

// OpenSSL itself notices only keys of the same kind.
it.each([
  ['of the same kind', rsaKeys(2048)],
  ['of another kind', ecKeys('P-256')],
])('a certificate without its key, %s, is refused until the key is there', async (_, keys) => {
  const { serving, shown, write } = await start();
  const second = issue('second.test', authority, keys);
  write({ 'server.pem': second.pem });
  const { reasons } = await untilResult(serving, 'refused');
  expect(reasons).toHaveLength(3);
  expect(reasons[0]).toMatch(
    /^countersign\.yaml:4: listen\.auth\.tls: .*server\.pem, .*server\.key, .*ca\.pem: cannot be used together \((key values mismatch|the key is not that of the certificate)\)$/,
  );
  expect(await shown()).toEqual(['first.test', 'first.test', 'first.test']);
  write({ 'server.key': keyOf(second) });
  await untilResult(serving, 'applied');
  expect(await shown()).toEqual(['second.test', 'second.test', 'second.test']);
});

it('another authority of callers counts for every new connection', async () => {
  const { serving, write, gateway } = await start();
  const alice = { Authorization: basic('alice', 'secret') };
  const askAs = (caller: Issued) =>
    call({
      port: serving.ports.auth,
      ...asNginx(alice),
      tls: { ca: authority.pem, cert: caller.pem, key: keyOf(caller) },
    }).then(
      ({ status }) => status,
      () => undefined,
    );
  const other = issue('gateway.test', otherAuthority);
  expect([await askAs(gateway), await askAs(other)]).toEqual([200, undefined]);
  write({ 'ca.pem': otherAuthority.pem });
  await reload(serving);
  expect([await askAs(gateway), await askAs(other)]).toEqual([undefined, 200]);
});
