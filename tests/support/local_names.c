/* Every name below localhost is this machine, as RFC 6761 says and glibc by itself does not: preloaded into processes
 * that put an account or a bucket before the host of a local AWS. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
  lookup *own = (lookup *)dlsym(RTLD_NEXT, "getaddrinfo");
  size_t length = name ? strlen(name) : 0;
  int is_below = length > 10 && strcmp(name + length - 10, ".localhost") == 0;
  if (is_below || (name && strcmp(name, "localhost") == 0))
    name = "127.0.0.1";
  return own(name, service, hints, found);
}
