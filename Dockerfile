# mqtt-scale as an image: `docker build -t mqtt-scale .`, then `docker run --rm mqtt-scale run quickstart`, with
# `-v "$PWD/reports:/home/node/reports"` to keep the report (the folder has to be writable for user 1000).
#
# test/deploy/image.test.ts builds the same tree by these lines, without Docker. For an image that is the same in a year, name the base by its
# digest: `--build-arg NODE=node:20-bookworm-slim@sha256:…`; packages are those of package-lock.json.
ARG NODE=node:20-bookworm-slim

FROM ${NODE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No package needs its scripts here: koffi's library comes in a package of its own for each platform.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build
RUN npm prune --omit=dev --ignore-scripts

FROM ${NODE}
ENV NODE_ENV=production
WORKDIR /app
# Everything is root's: the tool runs as somebody who can't change it.
COPY --from=build /app/node_modules node_modules
COPY package.json LICENSE ./
COPY bin bin
COPY scenarios scenarios
COPY --from=build /app/schema schema
COPY --from=build /app/dist dist
USER node
# Reports go below the working directory.
WORKDIR /home/node
ENTRYPOINT ["node", "/app/bin/mqtt-scale.js"]
