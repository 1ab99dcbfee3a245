/*
 * Flags and return codes of properties.
 *
 * Left out: encodings of a property's value; a property here is an integer.
 */
#ifndef DDI_DMA_SYS_DDIPROPDEFS_H
#define DDI_DMA_SYS_DDIPROPDEFS_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What prop_op(9E) is asked for. */
typedef enum {
    PROP_LEN = 0,
    PROP_LEN_AND_VAL_BUF,
    PROP_LEN_AND_VAL_ALLOC,
    PROP_EXISTS
} ddi_prop_op_t;

#define DDI_PROP_SUCCESS 0
#define DDI_PROP_NOT_FOUND 1
#define DDI_PROP_UNDEFINED 2
#define DDI_PROP_NO_MEMORY 3
#define DDI_PROP_INVAL_ARG 4
#define DDI_PROP_BUF_TOO_SMALL 5
#define DDI_PROP_CANNOT_DECODE 6
#define DDI_PROP_CANNOT_ENCODE 7
#define DDI_PROP_END_OF_DATA 8

#define DDI_PROP_DONTPASS 0x0001
#define DDI_PROP_CANSLEEP 0x0002
#define DDI_PROP_NOTPROM 0x0008

/* A property of no device number, and (in a search) of any. */
#define DDI_DEV_T_NONE ((dev_t)-1)
#define DDI_DEV_T_ANY ((dev_t)-2)

#define DDI_MAJOR_T_UNKNOWN ((major_t)0)
#define DDI_MAJOR_T_NONE ((major_t)-1)

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_DDIPROPDEFS_H */
