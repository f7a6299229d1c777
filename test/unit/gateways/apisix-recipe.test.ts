import { describe, expect, it } from '@jest/globals';
import { readApisixRecipe } from '../../support/apisix.ts';

describe("APISIX's recipe", () => {
  const { text, forwardAuth } = readApisixRecipe();

  it('has only settings that the plugins know, and stays closed', () => {
    expect(forwardAuth).toMatchObject({ allow_degradation: false, status_on_error: 503 });
  });

  it('ends as the standalone mode wants it', () => {
    expect(text).toMatch(/\n#END\n$/);
  });

  it('hands the token on, and never to the client', () => {
    expect(forwardAuth.upstream_headers).toEqual(['X-Custom-Jwt']);
    expect(forwardAuth.client_headers).not.toContain('X-Custom-Jwt');
  });
});
