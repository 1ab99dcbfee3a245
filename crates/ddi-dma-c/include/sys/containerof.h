/* From a member to the structure that holds it. */
#ifndef DDI_DMA_SYS_CONTAINEROF_H
#define DDI_DMA_SYS_CONTAINEROF_H

#include <sys/stddef.h>
#include <sys/types.h>

#ifndef __containerof
#define __containerof(member_pointer, type, member) \
    ((type *)(void *)((uintptr_t)(member_pointer) - offsetof(type, member)))
#endif

#endif /* DDI_DMA_SYS_CONTAINEROF_H */
