import { describe, expect, it } from '@jest/globals';
import { certificateDecoder } from '../../../src/gateways/client-certificate-header.ts';
import { issueAuthority, issueCertificate, name, pemOf } from '../../support/certificates.ts';

const authority = issueAuthority({ subject: name({ CN: 'CA' }) });
const { der } = issueCertificate({ subject: name({ O: 'Acme', CN: 'client-1' }) }, authority);
const other = authority.der;
const base64 = der.toString('base64');

/** As nginx and Envoy do: all but unreserved characters. */
const urlPem = (...certificates: readonly Buffer[]) =>
  encodeURIComponent(certificates.map(pemOf).join(''));

const leaf = [new Uint8Array(der)];
const decoded = (certificates: readonly Uint8Array[] | undefined) =>
  certificates?.map((certificate) => new Uint8Array(certificate));

describe('url-pem', () => {
  const decode = certificateDecoder('url-pem');
  const value = urlPem(der);

  it.each([
    ['what nginx sends', value],
    ['no line feed at the end', value.replace(/%0A$/, '')],
    ['hex digits in lower case', value.replace(/%../g, (hex) => hex.toLowerCase())],
    ['plus, slash and equals sign left alone', encodeURI(pemOf(der))],
    [
      'lines of another length',
      encodeURIComponent(
        pemOf(der)
          .replace(/\n(?=[A-Za-z0-9+/=])/g, '')
          .replace('-----M', '-----\nM'),
      ),
    ],
  ])('takes %s', (_what, header) => {
    expect(decoded(decode(header))).toEqual(leaf);
  });

  it.each([
    ['nothing', ''],
    ['two certificates', urlPem(der, other)],
    ['text before', `x${value}`],
    ['text behind', `${value}x`],
    ['two line feeds at the end', `${value}%0A`],
    ['a space for a space', value.replace('%20', ' ')],
    ['a plus for a space', value.replace('%20', '+')],
    ['real line feeds', pemOf(der)],
    ['another kind of block', value.replaceAll('CERTIFICATE', 'X509%20CRL')],
    ['no end', value.replace(/-----END.*/, '')],
    ['an empty block', urlPem(Buffer.alloc(0))],
    ['an escape that is cut off', `${value.slice(0, -3)}%0`],
    ['an escape that is none', value.replace('%0A', '%zz')],
    ['a NUL', value.replace('%0A', '%00%0A')],
    ['carriage returns', value.replaceAll('%0A', '%0D%0A')],
    ['padding inside', value.replace('%0AMII', '%0AM%3D%3DII')],
    ['base64 of DER', base64],
  ])('refuses %s', (_what, header) => {
    expect(decode(header)).toBeUndefined();
  });
});

describe('base64-der', () => {
  const decode = certificateDecoder('base64-der');

  it('takes what HAProxy and Caddy send', () => {
    expect(decoded(decode(base64))).toEqual(leaf);
  });

  it.each([
    ['nothing', ''],
    ['a list', `${base64},${base64}`],
    ['a comma at the end', `${base64},`],
    ['missing padding', Buffer.alloc(4).toString('base64').replaceAll('=', '')],
    ['bits behind the last byte', 'AB=='],
    ['the URL alphabet', 'A-_A'],
    ['a space', `${base64} `],
    ['a line feed', `${base64.slice(0, 64)}\n${base64.slice(64)}`],
    ['RFC 9440', `:${base64}:`],
    ['PEM', urlPem(der)],
  ])('refuses %s', (_what, header) => {
    expect(decode(header)).toBeUndefined();
  });
});

describe('base64-der-list', () => {
  const decode = certificateDecoder('base64-der-list');
  const list = (length: number) => Array.from({ length }, () => base64).join(',');

  it('takes what Traefik sends, leaf first', () => {
    expect(decoded(decode(base64))).toEqual(leaf);
    expect(decoded(decode(`${base64},${other.toString('base64')}`))).toEqual([
      ...leaf,
      new Uint8Array(other),
    ]);
    expect(decode(list(10))).toHaveLength(10);
  });

  it.each([
    ['nothing', ''],
    ['more than ten', list(11)],
    ['an empty element', `${base64},,${base64}`],
    ['a comma at the end', `${base64},`],
    ['a space after the comma', `${base64}, ${base64}`],
    ['one bad element', `${base64},!`],
  ])('refuses %s', (_what, header) => {
    expect(decode(header)).toBeUndefined();
  });
});

describe('rfc9440', () => {
  const decode = certificateDecoder('rfc9440');

  it('§2.2: takes one byte sequence', () => {
    expect(decoded(decode(`:${base64}:`))).toEqual(leaf);
  });

  it.each([
    ['nothing', ''],
    ['one colon', ':'],
    ['an empty sequence', '::'],
    ['no colons', base64],
    ['no colon at the end', `:${base64}`],
    ['two of them', `:${base64}:, :${base64}:`],
    ['a parameter', `:${base64}:;a=1`],
    ['a space inside', `: ${base64}:`],
    ['missing padding', ':AA:'],
    ['the URL alphabet', ':A-_A:'],
  ])('refuses %s', (_what, header) => {
    expect(decode(header)).toBeUndefined();
  });
});

describe('xfcc', () => {
  const decode = certificateDecoder('xfcc');
  const cert = `Cert="${urlPem(der)}"`;
  const own = `Hash=ab;${cert};Subject="CN=client-1";URI=spiffe://acme.test/client-1;DNS=a;DNS=b`;
  const foreign = `Cert="${urlPem(other)}"`;

  it.each([
    ['what Envoy sends', own],
    ['an empty URI', `${cert};URI=`],
    ['several URIs', `${cert};URI=a;URI=b`],
    ['an unquoted certificate', `Cert=${urlPem(der)}`],
    ['an equals sign in an unquoted value', `${cert};URI=https://a/?b=c`],
    ['a subject that looks like an element', `Subject="a,Cert=x;\\"";${cert}`],
    ['a subject that ends with a backslash', `Subject="CN=a\\\\";${cert}`],
    [
      'a subject that quotes a certificate',
      `Subject="\\",${foreign.replaceAll('"', '\\"')}";${cert}`,
    ],
    ['the last of several hops', `${foreign};Hash=1,${own}`],
    ['hops with a space between', `${foreign}, ${cert}`],
  ])('takes %s', (_what, header) => {
    expect(decoded(decode(header))).toEqual(leaf);
  });

  it('takes intermediates from the chain, which repeats the leaf', () => {
    const both = [...leaf, new Uint8Array(other)];
    expect(decoded(decode(`${cert};Chain="${urlPem(der, other)}"`))).toEqual(both);
    expect(decoded(decode(`Chain="${urlPem(der)}";${cert}`))).toEqual(leaf);
  });

  it.each([
    ['nothing', ''],
    ['no certificate', 'Hash=ab;Subject="CN=client-1"'],
    ['no certificate in the last element', `${own},Hash=ab`],
    ['an empty certificate', 'Cert='],
    ['two certificates in one element', `${foreign};${cert}`],
    ['two in different case', `${foreign};cert=${urlPem(der)}`],
    ['two subjects', `${cert};Subject=a;Subject=b`],
    ['two in one Cert', `Cert="${urlPem(der, other)}"`],
    ['a chain that is malformed', `${cert};Chain=x`],
    [
      'a chain of more than ten',
      `${cert};Chain="${urlPem(...Array.from({ length: 11 }, () => der))}"`,
    ],
    ['an open quote', `${cert.slice(0, -1)}`],
    ['an escape at the end', `${cert};Subject="a\\`],
    ['text behind a quote', `${cert}x`],
    ['a quote inside an unquoted value', `${cert};URI=a"b"`],
    ['a pair without a value', `${cert};URI`],
    ['a pair without a name', `${cert};=a`],
    ['an empty pair', `${cert};;URI=a`],
    ['a semicolon at the end', `${cert};`],
    ['a comma at the end', `${cert},`],
    ['an empty first element', `,${cert}`],
    ['a malformed earlier element', `Subject=",${cert}`],
    ['base64 of DER', `Cert=${base64}`],
  ])('refuses %s', (_what, header) => {
    expect(decode(header)).toBeUndefined();
  });
});
