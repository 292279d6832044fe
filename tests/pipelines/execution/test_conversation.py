"""What a kernel says comes in whole, however late we listen."""

from __future__ import annotations

import asyncio
import time

from mlops_jupyter.pipelines.execution import conversation

DISPLAYS = 4000
LIMIT = 60


def test_displays_that_wait_in_the_kernel_are_not_lost(monkeypatch):
    from jupyter_client.manager import AsyncKernelManager

    make = conversation.eager_context

    def narrow():
        context = make()
        context.rcvhwm = 1  # so that they wait in the kernel, as on a machine that is too busy to fetch them
        return context

    async def displayed():
        manager = conversation.manager_of(lambda name: AsyncKernelManager(kernel_name=name), "python3")
        async with conversation.kernel(manager, lambda: 5.0) as (client, _):
            message = client.execute(f"for number in range({DISPLAYS}): display('%02000d' % number)")
            time.sleep(2)
            said = []
            while True:
                each = await client.iopub_channel.get_msg(timeout=LIMIT)
                if each["parent_header"].get("msg_id") != message:
                    continue
                if each["content"].get("execution_state") == "idle":
                    return said
                if each["msg_type"] == "display_data":
                    said.append(int(each["content"]["data"]["text/plain"].strip("'")))

    monkeypatch.setattr(conversation, "eager_context", narrow)
    assert asyncio.run(displayed()) == list(range(DISPLAYS))
