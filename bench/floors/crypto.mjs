/**
 * The least that a fresh token costs: one verification of the token that came, and one signature
 * where the service makes one. Nothing is parsed, looked up or checked.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { listen, settings } from './listen.mjs';

const { answer, publicJwk, signs, tokenIn } = settings;
const publicKey = createPublicKey({ key: publicJwk, format: 'jwk' });
const makeToken = signs ? signer(signs) : undefined;

function signer({ algorithm, input, header }) {
  const key = createPrivateKey(privatePem(algorithm));
  const how = algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key;
  const hash = algorithm === 'Ed25519' ? null : 'sha256';
  return () => {
    const signature = sign(hash, Buffer.from(input), how).toString('base64url');
    return [header, `${input}.${signature}`];
  };
}

function privatePem(algorithm) {
  const privateKeyEncoding = { type: 'pkcs8', format: 'pem' };
  const types = {
    RS256: ['rsa', { modulusLength: 2048 }],
    ES256: ['ec', { namedCurve: 'P-256' }],
    Ed25519: ['ed25519', {}],
  };
  const [type, options] = types[algorithm];
  return generateKeyPairSync(type, { ...options, privateKeyEncoding }).privateKey;
}

function isSigned(token) {
  const dot = token.lastIndexOf('.');
  const signature = Buffer.from(token.slice(dot + 1), 'base64url');
  return verify('sha256', Buffer.from(token.slice(0, dot)), publicKey, signature);
}

function respond(res, token) {
  if (isSigned(token) !== settings.isGood) throw new Error('not the token that was meant');
  res.writeHead(answer.status, makeToken ? [...answer.headers, ...makeToken()] : answer.headers);
  res.end(answer.body === '' ? undefined : answer.body);
}

listen((req, res) => {
  if (tokenIn === 'header') {
    respond(res, req.headers.authorization.slice('Bearer '.length));
    return;
  }
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => respond(res, Buffer.concat(chunks).toString().slice('token='.length)));
});
