/*
 * Byte order: a value turned round, and turned round where the machine's order is not the one that is named.
 *
 * Left out: htonl(9F) and its kind, which <arpa/inet.h> has.
 */
#ifndef DDI_DMA_SYS_BYTEORDER_H
#define DDI_DMA_SYS_BYTEORDER_H

#include <sys/isa_defs.h>
#include <sys/types.h>

#define BSWAP_8(x) ((uint8_t)(x))
#define BSWAP_16(x) ((uint16_t)__builtin_bswap16((uint16_t)(x)))
#define BSWAP_32(x) ((uint32_t)__builtin_bswap32((uint32_t)(x)))
#define BSWAP_64(x) ((uint64_t)__builtin_bswap64((uint64_t)(x)))

#define LE_8(x) ((uint8_t)(x))
#define LE_16(x) ((uint16_t)(x))
#define LE_32(x) ((uint32_t)(x))
#define LE_64(x) ((uint64_t)(x))

#define BE_8(x) BSWAP_8(x)
#define BE_16(x) BSWAP_16(x)
#define BE_32(x) BSWAP_32(x)
#define BE_64(x) BSWAP_64(x)

#endif /* DDI_DMA_SYS_BYTEORDER_H */
