import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { GatewayPorts } from './gateway-lab.ts';
import { startNginxWith } from './nginx.ts';
import type { Started } from './process.ts';

/**
 * What the controller 1.15 makes of an Ingress, as far as the recipe's annotations and settings
 * reach: the same directives in the same order. Left out are its Lua (balancing, the redirect to
 * HTTPS, certificates), logs, and headers that play no part.
 */
interface Ingress {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: {
    readonly rules: readonly [
      {
        readonly host: string;
        readonly http: { readonly paths: readonly [{ readonly path: string }] };
      },
    ];
  };
}

interface ConfigMap {
  readonly data: Readonly<Record<string, string>>;
}

/** The parts of the recipe that a user may leave out. */
export interface Parts {
  readonly controller: 'with the controller part' | 'without it';
}

/** @returns a starter of nginx on what the controller makes of the recipe */
export function startIngressNginx({ controller }: Parts) {
  return (home: string, ports: GatewayPorts): Started => {
    const [ingress, ask] = read<[Ingress, ConfigMap]>(home, 'ingress.yaml');
    const [settings] = read<[ConfigMap]>(home, 'controller.yaml');
    const data = controller === 'without it' ? {} : settings.data;
    writeFileSync(join(home, 'rendered.conf'), render({ ingress, ask, data, ports }));
    return startNginxWith(home, 'rendered.conf');
  };
}

function read<T>(home: string, file: string): T {
  const text = readFileSync(join(home, 'countersign', file), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS()) as T;
}

interface Input {
  readonly ingress: Ingress;
  readonly ask: ConfigMap;
  readonly data: ConfigMap['data'];
  readonly ports: GatewayPorts;
}

function render({ ingress, ask, data, ports }: Input): string {
  const [rule] = ingress.spec.rules;
  const [{ path }] = rule.http.paths;
  const { annotations } = ingress.metadata;
  const annotation = (name: string) => annotations[`nginx.ingress.kubernetes.io/${name}`] ?? '';
  const url = new URL(annotation('auth-url'));
  const target = `${url.protocol}//127.0.0.1:${ports.countersign}${url.pathname}`;
  const question = `/_external-auth-${Buffer.from(path).toString('base64url')}-Prefix`;
  const size = annotation('proxy-buffer-size') || '4k';
  const buffers = `proxy_buffering off; proxy_buffer_size ${size}; proxy_buffers 4 ${size};`;
  const certificate = certificateHeaders(annotation);
  const flag = (name: string, unset: string) =>
    ({ true: 'on', false: 'off' })[data[name] ?? unset] ?? 'neither true nor false';

  return `
large_client_header_buffers 4 8k;
underscores_in_headers ${flag('enable-underscores-in-headers', 'false')};
ignore_invalid_headers ${flag('ignore-invalid-headers', 'true')};
map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
${data['http-snippet'] ?? ''}

server {
    server_name ${rule.host};
    listen 127.0.0.1:${ports.http};
    listen 127.0.0.1:${ports.https} ssl http2;
    ssl_certificate tls/server.pem;
    ssl_certificate_key tls/server.key;
    ssl_client_certificate tls/clients-ca.pem;
    ssl_verify_client ${annotation('auth-tls-verify-client') || 'off'};

    location = ${question} {
        internal;
        proxy_intercept_errors off;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header X-Forwarded-Proto "";
        proxy_set_header Host ${url.hostname};
        proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
        proxy_set_header X-Original-Method $request_method;
        proxy_set_header X-Sent-From "nginx-ingress-controller";
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Auth-Request-Redirect $request_uri;
        ${buffers}
        proxy_pass_request_headers on;
        ${certificate}
        ${askHeaders(ask)}
        proxy_http_version 1.1;
        set $target ${target};
        proxy_pass $target;
    }

    location ${path} {
        auth_request ${question};
        auth_request_set $auth_cookie $upstream_http_set_cookie;
        add_header Set-Cookie $auth_cookie;
        ${responseHeaders(annotation('auth-response-headers'))}
        proxy_set_header Host $http_host;
        ${certificate}
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_connect_timeout 5s;
        proxy_send_timeout 60s;
        proxy_read_timeout 60s;
        ${buffers}
        proxy_http_version 1.1;
        ${data['location-snippet'] ?? ''}
        proxy_pass http://127.0.0.1:${ports.backend};
    }
    ${data['server-snippet'] ?? ''}
}
`;
}

function certificateHeaders(annotation: (name: string) => string): string {
  if (annotation('auth-tls-secret') === '') return '';
  const passed = annotation('auth-tls-pass-certificate-to-upstream') === 'true';
  return `${passed ? 'proxy_set_header ssl-client-cert $ssl_client_escaped_cert;' : ''}
        proxy_set_header ssl-client-verify $ssl_client_verify;`;
}

function askHeaders({ data }: ConfigMap): string {
  const lines = Object.entries(data).map(
    ([name, value]) => `proxy_set_header ${JSON.stringify(name)} ${JSON.stringify(value)};`,
  );
  return lines.sort().join('\n        ');
}

function responseHeaders(list: string): string {
  return list
    .split(',')
    .map((name) => name.trim())
    .map((name, n) => {
      const variable = `$upstream_http_${name.toLowerCase().replaceAll('-', '_')}`;
      return `auth_request_set $authHeader${n} ${variable}; proxy_set_header '${name}' $authHeader${n};`;
    })
    .join('\n        ');
}
