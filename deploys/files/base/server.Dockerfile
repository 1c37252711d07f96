# A server image with nothing in it but nginx, the libraries it loads, and busybox.
ARG BUILDER_IMAGE

FROM ${BUILDER_IMAGE} AS everything
LABEL bootstrapper.stage="build"
COPY server-files.sh /
RUN ["sh", "/server-files.sh", "/server"]

FROM scratch
LABEL bootstrapper.image="server"
COPY --from=everything /server/ /
