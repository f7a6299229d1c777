import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { writeDistinguishedName } from '../../../../../src/exchange/credentials/client-certificate/subject-dn.ts';
import {
  type Attribute,
  attributeOid,
  issueCertificate,
  name,
} from '../../../../support/certificates.ts';

const { CN, O } = attributeOid;
const tag = { printable: 19, teletex: 20, ia5: 22, universal: 28, bmp: 30 };

const subjectOf = (subject: readonly (readonly Attribute[])[]) =>
  writeDistinguishedName(new X509Certificate(issueCertificate({ subject }).der).subject);
const cn = (value: string, type?: number) =>
  subjectOf([[{ oid: CN, value, ...(type === undefined ? {} : { type }) }]]);

describe('writeDistinguishedName', () => {
  it('writes the attributes in certificate order', () => {
    const subject = [
      [{ oid: attributeOid.C, value: 'US', type: tag.printable }],
      ...name({ ST: 'California', O: 'Acme Inc.', OU: 'Platform', CN: 'client-1' }),
      [{ oid: attributeOid.emailAddress, value: 'a@b.c', type: tag.ia5 }],
    ];
    expect(subjectOf(subject)).toBe(
      'C=US, ST=California, O=Acme Inc., OU=Platform, CN=client-1, emailAddress=a@b.c',
    );
  });

  it.each([
    ['a comma that looks like a second attribute', 'a, O=b', 'CN=a\\, O=b'],
    ['a plus that looks like a second attribute', 'a + O=b', 'CN=a \\+ O=b'],
    ['a line feed that looks like a second attribute', 'a\nO=b', 'CN=a\\0AO=b'],
    ['quotes, angles, semicolon and backslash', '"<>;\\', 'CN=\\"\\<\\>\\;\\\\'],
    ['a leading number sign', '#0c01', 'CN=\\#0c01'],
    ['spaces at both ends', ' a ', 'CN=\\ a\\ '],
    ['nothing but spaces', '  ', 'CN=\\ \\ '],
    ['control characters', '\t\r\x1b\x7f', 'CN=\\09\\0D\\1B\\7F'],
    ['an equals sign', 'a=b', 'CN=a=b'],
    ['letters outside ASCII', 'Plätform €😀', 'CN=Plätform €😀'],
    ['a text that looks escaped', '\\0A\\00', 'CN=\\\\0A\\\\00'],
  ])('RFC 4514 §2.4: escapes %s', (_what, value, expected) => {
    expect(cn(value)).toBe(expected);
  });

  it.each([
    ['BMPString', 'ädmin€', tag.bmp, 'CN=ädmin€'],
    ['PrintableString', 'admin', tag.printable, 'CN=admin'],
    ['TeletexString', '\xe4dmin', tag.teletex, 'CN=ädmin'],
    ['UniversalString', '\0\0\0a\0\x01\xf6\0', tag.universal, 'CN=a😀'],
  ])('reads the characters of a %s', (_type, value, type, expected) => {
    expect(cn(value, type)).toBe(expected);
  });

  it('joins the attributes of one RDN by a plus', () => {
    expect(
      subjectOf([
        [
          { oid: CN, value: 'a' },
          { oid: O, value: 'b' },
        ],
      ]),
    ).toBe('CN=a+O=b');
  });

  it('writes an OID where an attribute has no name', () => {
    expect(subjectOf([[{ oid: '1.2.3.4.5', value: 'v' }]])).toBe('1.2.3.4.5=v');
  });

  it('never writes two different subjects alike', () => {
    const texts = ['a', 'a, CN=b', 'a + CN=b', 'a+CN=b', 'a\nCN=b', 'a\\', 'a\\, CN=b', ' a', 'a '];
    const subjects = [
      ...texts.map((value) => [[{ oid: CN, value }]]),
      [[{ oid: CN, value: 'a' }], [{ oid: CN, value: 'b' }]],
      [[{ oid: CN, value: 'b' }], [{ oid: CN, value: 'a' }]],
      [
        [
          { oid: CN, value: 'a' },
          { oid: CN, value: 'b' },
        ],
      ],
      [[{ oid: CN, value: 'a\\' }], [{ oid: CN, value: 'b' }]],
      [[{ oid: CN, value: 'a' }], [{ oid: CN, value: '' }]],
    ];
    const written = subjects.map(subjectOf);
    expect(written).not.toContain(undefined);
    expect(new Set(written).size).toBe(subjects.length);
  });

  it.each([
    ['is empty', []],
    [
      'has only empty values',
      [
        [
          { oid: CN, value: '' },
          { oid: O, value: '' },
        ],
      ],
    ],
    ['holds NUL', [[{ oid: CN, value: 'admin\0.evil' }]]],
    ['holds NUL as BMPString', [[{ oid: CN, value: 'a\0b', type: tag.bmp }]]],
    ['holds NUL behind a backslash', [[{ oid: CN, value: '\\\0' }]]],
    // OpenSSL would cut these two to the same 79 characters.
    [
      'names an attribute by an OID that is cut off',
      [[{ oid: `1.2${'.3'.repeat(39)}`, value: 'v' }]],
    ],
    ['names one by a longer one', [[{ oid: `1.2${'.3'.repeat(39)}.4`, value: 'v' }]]],
  ])('refuses a subject that %s', (_what, subject) => {
    expect(subjectOf(subject)).toBeUndefined();
  });
});
