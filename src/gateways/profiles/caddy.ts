import { forwardAuth } from '../forward-auth.ts';

/** Caddy's forward_auth passes every answer on; its unset placeholders arrive as literal text. */
export const caddy = forwardAuth;
