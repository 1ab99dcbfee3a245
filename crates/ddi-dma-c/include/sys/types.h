/*
 * The types that drivers name, beside those of the C library's <sys/types.h>.
 *
 * Their sizes are those of the 64-bit x86 ABI. Left out: 32-bit views of kernel types.
 */
#ifndef DDI_DMA_SYS_TYPES_H
#define DDI_DMA_SYS_TYPES_H

/*
 * The C library's daddr_t is an int, and a disk address here is a long; its caddr_t is there in some modes only.
 * Its own declarations keep their meaning under other names.
 */
#define daddr_t ddi_dma_c_library_daddr_t
#define caddr_t ddi_dma_c_library_caddr_t
#include_next <sys/types.h>
#undef daddr_t
#undef caddr_t
typedef long daddr_t;
typedef char *caddr_t;
/* Says to the C library's other headers that both are there. */
#ifndef __daddr_t_defined
#define __daddr_t_defined
#endif

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <sys/isa_defs.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

typedef enum {
    B_FALSE = 0,
    B_TRUE = 1,
    _B_FALSE = 0,
    _B_TRUE = 1
} boolean_t;

#define VALID_BOOLEAN(x) (((x) == B_FALSE) || ((x) == B_TRUE))

typedef unsigned char uchar_t;
typedef unsigned short ushort_t;
typedef unsigned int uint_t;
typedef unsigned long ulong_t;
typedef long long longlong_t;
typedef unsigned long long u_longlong_t;

typedef unsigned char unchar;
#ifndef __u_char_defined
typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int;
typedef unsigned long u_long;
#define __u_char_defined
#endif
#if defined(__GLIBC__) && !defined(__USE_MISC)
/* In its strict modes the C library does not name these. */
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
#endif

typedef longlong_t offset_t;
typedef u_longlong_t u_offset_t;
typedef u_longlong_t len_t;
typedef u_longlong_t diskaddr_t;
typedef uint64_t paddr_t;

/* A 64-bit offset, and its halves. */
typedef union {
    offset_t _f;
    struct {
        int32_t _l;
        int32_t _u;
    } _p;
} lloff_t;

/* A 64-bit disk address, and its halves. */
typedef union {
    longlong_t _f;
    struct {
        int32_t _l;
        int32_t _u;
    } _p;
} lldaddr_t;

typedef ulong_t pfn_t;
typedef ulong_t pgcnt_t;
typedef long spgcnt_t;
typedef short cnt_t;
typedef short pri_t;
typedef short index_t;
typedef int processorid_t;
typedef int zoneid_t;

typedef uint_t major_t;
typedef uint_t minor_t;
typedef short o_dev_t;
typedef ushort_t o_mode_t;
typedef uint32_t dev32_t;
typedef int32_t daddr32_t;
typedef uint32_t caddr32_t;

typedef void *timeout_id_t;

#ifndef NODEV
#define NODEV ((dev_t)(-1l))
#endif
#define PFN_INVALID ((pfn_t)-1)

/*
 * Names of locks and of properties are `char *` in section 9F. A C++ compiler refuses a literal for one, so there they
 * are `const char *`; no function writes to a name.
 */
#ifdef __cplusplus
#define DDI_DMA_NAME const char
#else
#define DDI_DMA_NAME char
#endif

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_TYPES_H */
