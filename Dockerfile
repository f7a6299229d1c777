# Countersign's image: the Node binary, the libraries that it is linked with, and the service. No shell,
# no package manager, nothing that a process could write to but /var/lib/countersign.
#
#   docker build -t countersign:0.1.0 .
#
# For the same image again, name the base by its digest, and give files one time:
#   docker buildx build --build-arg NODE_IMAGE=node:24-bookworm@sha256:… --build-arg SOURCE_DATE_EPOCH=0 \
#     --output type=image,rewrite-timestamp=true .

# The current Node LTS, on the Debian that comes with a compiler.
ARG NODE_IMAGE=node:24-bookworm

FROM ${NODE_IMAGE} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY proto proto
COPY src src
RUN npm run build && find dist -name '*.map' -delete && npm prune --omit=dev --no-audit --no-fund \
    && find node_modules -name '*.musl.node' -delete

# `yes` is for keys on a PKCS#11 token: it compiles what talks to it. The library of the token's maker,
# and what that needs, you add yourself.
ARG PKCS11=no
RUN if [ "$PKCS11" = yes ]; then \
      npm rebuild --ignore-scripts=false --nodedir="$(dirname "$(dirname "$(command -v node)")")" pkcs11js \
      && rm -rf node_modules/pkcs11js/build/Release/obj.target; \
    else rm -rf node_modules/pkcs11js; fi

# The libraries of Node and of what was compiled for it; how names are resolved; who runs it. status.d
# tells scanners which of Debian's packages the libraries are of.
RUN mkdir -p /image/nodejs/bin /image/etc /image/var/lib/dpkg/status.d \
    && cp "$(command -v node)" /image/nodejs/bin/node \
    && find /image/nodejs node_modules -type f \( -name node -o -name '*.node' \) -exec ldd {} + \
       | grep -oE '(^|[[:space:]])/[^ ]+\.so[^ ]*' | sort -u | xargs cp --parents --dereference -t /image \
    && for package in libc6 libgcc-s1 libstdc++6; do \
         dpkg-query --status "$package" > "/image/var/lib/dpkg/status.d/$package"; done \
    && echo 'hosts: files dns' > /image/etc/nsswitch.conf \
    && echo 'countersign:x:65532:65532::/var/lib/countersign:/sbin/nologin' > /image/etc/passwd \
    && echo 'countersign:x:65532:' > /image/etc/group \
    && install -d -m 0700 /state/countersign

FROM scratch
COPY --from=build /image /
COPY --from=build --chown=65532:65532 /state /var/lib
COPY --from=build /build/node_modules /app/node_modules
COPY --from=build /build/proto /app/proto
COPY --from=build /build/dist /app/dist
COPY LICENSE package.json /app/

ENV NODE_ENV=production COUNTERSIGN_CONFIG=/etc/countersign/countersign.yaml
WORKDIR /var/lib/countersign
USER 65532:65532
EXPOSE 8080 8081 9090
ENTRYPOINT ["/nodejs/bin/node", "--disable-proto=delete", "/app/dist/main.js"]
CMD ["serve"]

# For Docker and Compose; Kubernetes has probes of its own. It asks where `listen.ops` is by default.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["/nodejs/bin/node", "-e", "fetch('http://127.0.0.1:9090/livez').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Countersign" \
      org.opencontainers.image.description="Turns whatever credential reached your gateway into one signed JWT that your backends can verify" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
